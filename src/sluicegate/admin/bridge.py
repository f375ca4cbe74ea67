"""Our exchanges ↔ ASGI (version 3.0, scope `http` only), so that a framework can answer them.

A body is read whole before the application runs, up to a bound; what it answers is collected and
sent at once. When the client leaves, a read is cancelled. A write goes on to its end, so that what
was stored is also announced and its answer is kept for whoever asks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

import structlog

from sluicegate.admin.segments import decoded

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

MAX_BODY: Final = 2**20
"""Bytes. nginx `client_max_body_size`: 1 MiB."""
LARGE: Final = {"/admin/v1/apply": 16 * 2**20}
"""Bytes for a whole configuration: 10 000 routes are about 5 MB."""
FRAMING: Final = frozenset({b"content-length", b"transfer-encoding", b"connection"})
"""Fields that our own HTTP server writes."""
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Bridge:
    """An ASGI application as a handler of exchanges."""

    def __init__(self, app: Application) -> None:
        """Send exchanges to `app`."""
        self._app = app
        self._writing: set[asyncio.Task[None]] = set()

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request. Raises Refused for one that cannot be read."""
        body = await _body(exchange)
        scope = scope_of(exchange, len(body))
        call = _Call(body)
        task = asyncio.ensure_future(self._run(scope, call))
        if exchange.request.method not in SAFE:
            self._writing.add(task)
            task.add_done_callback(self._written)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            call.gone.set()
            if exchange.request.method in SAFE:
                task.cancel()
            raise
        exchange.respond(call.status, call.headers, call.content())

    async def close(self) -> None:
        """Wait for writes whose clients have left."""
        await asyncio.gather(*self._writing, return_exceptions=True)

    async def _run(self, scope: Message, call: _Call) -> None:
        await self._app(scope, call.receive, call.send)
        if not call.ended:
            raise RuntimeError("the application has not answered")

    def _written(self, task: asyncio.Task[None]) -> None:
        self._writing.discard(task)
        if not task.cancelled() and task.exception() is not None:
            structlog.get_logger().error("admin write failed", exc_info=task.exception())


def scope_of(exchange: Exchange, length: int) -> Message:
    """Describe a request with a body of `length` bytes.

    Raises Refused (400) for a path that is not UTF-8.
    """
    request, client = exchange.request, exchange.client
    headers = [(b"host", request.authority), *request.headers]
    if request.body is not None:
        headers.append((b"content-length", b"%d" % length))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": request.version,
        "method": "GET" if request.method == "HEAD" else request.method,
        "scheme": request.scheme,
        "path": decoded(request.path),
        "raw_path": request.path.encode("ascii"),
        "query_string": request.query or b"",
        "root_path": "",
        "headers": headers,
        "client": (client.peer, client.port),
        "server": (request.host, client.server_port),
        "state": {},
        "extensions": {},
    }


async def _body(exchange: Exchange) -> bytes:
    """Read a request's body. Raises Refused (413)."""
    body = exchange.request.body
    if body is None:
        return b""
    most = LARGE.get(exchange.request.path, MAX_BODY)
    body.limit = min(body.limit, most) if body.limit else most
    refused = body.check_length()
    if refused is not None:
        raise refused
    return await body.read(most)


class _Call:
    """One call of the application: what it receives and what it has sent."""

    def __init__(self, body: bytes) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.ended = False
        self.gone = asyncio.Event()
        self._body: bytes | None = body
        self._pieces: list[bytes] = []

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [
                (bytes(name).lower(), bytes(value))
                for name, value in message.get("headers", ())
                if bytes(name).lower() not in FRAMING
            ]
        elif message["type"] == "http.response.body":
            self._pieces.append(bytes(message.get("body", b"")))
            self.ended = not message.get("more_body", False)

    def content(self) -> bytes:
        return b"".join(self._pieces)
