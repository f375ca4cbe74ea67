"""One request and its response in flight: what a stage may read and write.

The request side is data: `exchange.request`, `exchange.client` and what earlier stages found out
(`route`, `consumer`, `plan`). The response side is declared on the way down and runs on the way up,
innermost first:

    on_head(fn)         fn(exchange) before the first byte: edit exchange.response
    on_chunk(fn)        fn(exchange, data) -> data: change, hold back (b"") or add bytes
    on_end(fn)          fn(exchange) -> data: last bytes of the body; also on_chunk(fn, at_end)
    whole(limit, fn, when)   async fn(exchange, body) -> body: head and body are held back until
                        then, if when(exchange) says so once the head is there

A response nobody asked to see flows from the target's socket to the client's untouched.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from sluicegate.errors import Problem, Refused, UpstreamTooLarge
from sluicegate.headers import Headers

if TYPE_CHECKING:
    import asyncio

    from sluicegate.clock import Clock
    from sluicegate.errors import ErrorForm
    from sluicegate.journey.cache.recording import Tap
    from sluicegate.journey.limit.settlement import Settlement
    from sluicegate.llm.call import ModelCall
    from sluicegate.llm.endpoint import Endpoint
    from sluicegate.model.consumer import Consumer
    from sluicegate.model.name_pattern import NamePattern
    from sluicegate.snapshot.table import CompiledRoute, Snapshot
    from sluicegate.state.contract import Outcome
    from sluicegate.telemetry.trace import Trace
    from sluicegate.wire.body import RequestBody
    from sluicegate.wire.tunnel import Tunnel

BODILESS: Final = frozenset({204, 304})
"""Statuses without a body (RFC 9110, sections 15.3.5 and 15.4.5); 1xx beside them."""

HeadHook = Callable[["Exchange"], None]
ChunkHook = Callable[["Exchange", bytes], bytes]
EndHook = Callable[["Exchange"], bytes]
WholeHook = Callable[["Exchange", bytes], Awaitable[bytes]]
Condition = Callable[["Exchange"], bool]


class Client:
    """Who is at the other end of a client connection. One per connection.

    `peer` is the address of the socket (or of the PROXY protocol header); `trusted` says that it is
    one of `gateway.trusted_proxies`; `certificate` is the client's, DER, when it showed one.
    """

    __slots__ = ("certificate", "peer", "port", "scheme", "server_port", "trusted")

    def __init__(self, peer: str, port: int, scheme: str, server_port: int) -> None:
        """Describe a connection; trust and certificate are set by the listener."""
        self.peer = peer
        self.port = port
        self.scheme = scheme
        self.server_port = server_port
        self.trusted = False
        self.certificate: bytes | None = None


class Request:
    """What the client asked for, parsed and checked.

    `target` is as received. `path` is normalised (see wire/target.py), starts with `/`, and is both
    matched and forwarded; `query` is raw, without `?`, None when there was none. `host` is in lower
    case without port. `headers` is what goes on to the target: hop-by-hop fields are gone and
    forwarding fields are ours. `body` is None when the request has none. `own_trace` says that the
    trace was begun here, not by who sent the request. Policies may rewrite
    `path`, `query` and `headers` before dispatch.
    """

    __slots__ = (
        "authority", "body", "client_ip", "headers", "host", "method", "own_trace", "path",
        "query", "request_id", "scheme", "target", "upgrade", "version",
    )  # fmt: skip

    method: str
    target: bytes
    path: str
    query: bytes | None
    host: str
    authority: bytes
    scheme: str
    version: str
    headers: Headers
    body: RequestBody | None
    upgrade: str | None
    client_ip: str
    request_id: str
    own_trace: bool


class Response:
    """The head of the answer: status, headers without framing, and the body's length if known."""

    __slots__ = ("dated", "headers", "length", "status", "tightest")

    def __init__(
        self, status: int, headers: Headers, length: int | None, *, dated: bool = False
    ) -> None:
        """`length` in bytes, None where reading finds the end; `dated`: `headers` has a Date."""
        self.status = status
        self.headers = headers
        self.length = length
        self.dated = dated
        self.tightest: Outcome | None = None  # of the limits that are announced so far


class Sink(Protocol):
    """Where an exchange's response goes: the client's connection."""

    def send_head(self, exchange: Exchange) -> None:
        """Write `exchange.response`'s head."""

    def send_body(self, data: bytes) -> None:
        """Write a piece of the body."""

    def send_end(self, trailers: Headers | None) -> None:
        """Finish the response."""

    def flush(self) -> None:
        """Send what was written so far without waiting for more."""

    def send_upgrade(self, exchange: Exchange, headers: Headers) -> None:
        """Write a 101 and stop speaking HTTP."""

    def join(self, tunnel: Tunnel) -> None:
        """Pass all further bytes to `tunnel`, which writes to `transport`."""

    @property
    def transport(self) -> asyncio.Transport:
        """The client's connection, for a tunnel."""

    def finished(self, exchange: Exchange) -> None:
        """Take notice that the exchange and its record are done."""

    def send_informational(self, status: int, headers: Headers) -> None:
        """Write a 1xx response."""

    def cut(self) -> None:
        """End the connection at once, so that the client cannot take the response for whole."""


class Flow(Protocol):
    """Where a response comes from; told to wait while the client reads too slowly."""

    def pause(self) -> None:
        """Stop reading from the source."""

    def resume(self) -> None:
        """Read on."""


class Exchange:
    """One request and its response. Lives from the request head to the end of its record."""

    task: asyncio.Task[None] | None = None
    route: CompiledRoute | None = None
    consumer: Consumer | None = None
    consumer_name: str | None = None
    key_id: str | None = None
    plan: str | None = None
    scopes: tuple[str, ...] = ()  # what the key was granted
    models: tuple[NamePattern, ...] = ()  # the only ones the key is good for; empty: all
    service: str | None = None
    target: str | None = None
    response: Response | None = None
    problem: Problem | None = None
    refused: Refused | None = None
    outcome: str | None = None
    attempts = 0  # begun, the one that counted included
    priority = 1  # where not all can be served: 0 low, 1 normal, 2 high, 3 critical
    deadline = inf  # monotonic seconds, after which nobody waits for the answer any more
    deadline_header: bytes | None = None  # in which a target is told how many ms are left
    first_byte_at = 0.0
    bytes_in = 0  # of a tunnel; those of a body are counted by the body
    bytes_out = 0
    ended = False
    keep_alive = True
    upgraded = False
    _head_hooks: list[HeadHook] | None = None
    _body_hooks: list[tuple[ChunkHook | None, EndHook | None]] | None = None
    _whole_asked: list[tuple[int, WholeHook, Condition | None]] | None = None
    _whole_hooks: list[WholeHook] | None = None
    _whole_limit = 0
    _held: list[bytes] | None = None

    def __init__(
        self, request: Request, client: Client, sink: Sink, snapshot: Snapshot, clock: Clock
    ) -> None:
        """Start at the head of a request. What most exchanges never set stays on the class."""
        self.request = request
        self.client = client
        self.sink = sink
        self.snapshot = snapshot
        self.clock = clock
        self.flow: Flow | None = None  # here, because mypyc forgets such a default on the class
        self.trace: Trace | None = None
        self.speaks: ErrorForm | None = None
        self.endpoint: Endpoint | None = None
        self.call: ModelCall | None = None
        self.tap: Tap | None = None  # sees what dispatch answers, before any hook
        self.settlement: Settlement | None = None  # left by limits for the line of the ledger
        self.started_at = clock.monotonic()

    # --- declared on the way down ----------

    def on_head(self, hook: HeadHook) -> None:
        """Call `hook` before the first byte of the response, whoever answers."""
        if self._head_hooks is None:
            self._head_hooks = [hook]
        else:
            self._head_hooks.append(hook)

    def on_chunk(self, hook: ChunkHook, at_end: EndHook | None = None) -> None:
        """Pass every piece of the body through `hook`. Its length is then no longer announced.

        `at_end` gives what `hook` has held back, once the body has ended.
        """
        self._body_hooks = [*(self._body_hooks or ()), (hook, at_end)]

    def on_end(self, hook: EndHook) -> None:
        """Ask `hook` for last bytes once the body has ended. Hooks declared before see them too."""
        self._body_hooks = [*(self._body_hooks or ()), (None, hook)]

    def whole(self, max_bytes: int, hook: WholeHook, when: Condition | None = None) -> None:
        """Hold the response back and pass its whole body through `hook`.

        A body larger than the smallest `max_bytes` asked for is answered with 502. `when` is asked
        once the target's head is there; where it says no, this hook holds nothing back.
        """
        self._whole_asked = [*(self._whole_asked or ()), (max_bytes, hook, when)]

    # --- answered here ----------

    def respond(
        self, status: int, headers: list[tuple[bytes, bytes]] | None = None, body: bytes = b""
    ) -> None:
        """Answer locally. Passes the `on_head` of every stage outside the caller's.

        Raises RuntimeError once a head has been sent: that is a mistake of the caller.
        """
        if self.response is not None:
            raise RuntimeError("respond() after the response has begun")
        self._body_hooks = self._whole_asked = self._whole_hooks = None
        self.response = Response(status, Headers(headers or ()), len(body))
        self._begin()
        if body:
            self._emit(body)
        self.ended = True
        self.sink.send_end(None)

    def refuse(
        self,
        problem: Problem,
        detail: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        members: dict[str, Any] | None = None,
    ) -> None:
        """Answer with a problem document (RFC 9457) with `members`, marked not to be cached.

        Where the caller `speaks` otherwise, in the error form of that, without `members`.
        """
        self.problem = problem
        no_store = (b"cache-control", b"no-store")
        if self.speaks is not None:
            status, media, said = self.speaks.refusal(problem, detail, self.request.request_id)
            self.respond(status, [(b"content-type", media), no_store, *headers], said)
            return
        content: dict[str, Any] = {"type": problem.type, "title": problem.title}
        content["status"] = problem.status
        if detail:
            content["detail"] = detail
        content |= members or {}
        content["instance"] = "urn:request:" + self.request.request_id
        fixed = [(b"content-type", b"application/problem+json"), no_store]
        self.respond(problem.status, [*fixed, *headers], msgspec.json.encode(content))

    # --- the answer of a target, called by dispatch ----------

    def head(self, response: Response, flow: Flow | None) -> None:
        """Begin the response. `flow` is paused while the client reads too slowly."""
        self.response = response
        self.flow = flow
        if self.tap is not None:
            self.tap.head(response)
        if self._whole_asked is not None and self._holds_back():
            self._held = []
            return
        self._begin()

    def chunk(self, data: bytes) -> None:
        """Pass on a piece of the body. Raises UpstreamTooLarge when `whole` cannot hold it."""
        if self.tap is not None:
            self.tap.chunk(data)
        if self._held is not None:
            self._held.append(data)
            self.bytes_out += len(data)
            if self.bytes_out > self._whole_limit:
                raise UpstreamTooLarge("the body is larger than a policy may hold back")
            return
        if self._body_hooks is not None:
            data = self._outwards(data, len(self._body_hooks))
            if not data:
                return
        self._emit(data)

    def end(self, trailers: Headers | None) -> None:
        """End the body, unless it is held back for `finish_whole`."""
        if self.tap is not None:
            self.tap.end()
        if self._held is not None:
            return
        if self._body_hooks is not None:
            for place in reversed(range(len(self._body_hooks))):
                hook = self._body_hooks[place][1]
                data = self._outwards(hook(self), place) if hook is not None else b""
                if data:
                    self._emit(data)
        self.ended = True
        self.sink.send_end(trailers)

    async def finish_whole(self) -> None:
        """Run what was declared by `whole`, then send the response. Harmless when none was."""
        if self._held is None or self._whole_hooks is None or self.response is None:
            return
        body = b"".join(self._held)
        if self.request.method != "HEAD" and self.response.status not in BODILESS:
            for hook in reversed(self._whole_hooks):
                body = await hook(self, body)
            self.response.length = len(body)
        self._held = None
        self.bytes_out = 0
        self._begin()
        if body:
            self.chunk(body)
        self.end(None)

    def forget_response(self) -> None:
        """Drop a response that was held back, so that another answer can be given."""
        if self._held is not None:
            self.response = self._held = None
            self.bytes_out = 0

    @property
    def held(self) -> bool:
        """Whether a response is held back for `finish_whole`."""
        return self._held is not None

    @property
    def head_sent(self) -> bool:
        """Whether bytes of the response may have reached the client."""
        return self.response is not None and self._held is None

    def cut(self) -> None:
        """End the client's connection in mid-response; never a clean end."""
        self.ended = True
        self.sink.cut()

    # --- one way out ----------

    def _holds_back(self) -> bool:
        """Find out which of `whole`'s hooks want this response, and how large it may be."""
        asked = self._whole_asked or ()
        wanted = [(most, hook) for most, hook, when in asked if when is None or when(self)]
        self._whole_hooks = [hook for _, hook in wanted]
        self._whole_limit = min([most for most, _ in wanted], default=0)
        return bool(wanted)

    def _begin(self) -> None:
        if self._head_hooks is not None:
            for hook in reversed(self._head_hooks):
                hook(self)
        if self._body_hooks is not None and self.response is not None:
            self.response.length = None
        self.sink.send_head(self)

    def _outwards(self, data: bytes, place: int) -> bytes:
        """Pass bytes through the chunk hooks outside `place`, the innermost first."""
        for hook, _ in reversed((self._body_hooks or [])[:place]):
            if hook is not None and data:
                data = hook(self, data)
        return data

    def _emit(self, data: bytes) -> None:
        self.bytes_out += len(data)
        self.sink.send_body(data)
