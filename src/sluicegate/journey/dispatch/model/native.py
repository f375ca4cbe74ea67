"""What passes to a provider as the client made it: its own API, and objects that it keeps.

`/proxy/<provider>/…` goes to the provider with our credentials in place of the client's, and the
answer comes back as it is, streamed. Stored objects (`/v1/responses/{id}`, `/v1/chat/completions`)
go to the provider that has made them; their ids are bound to the caller (`sealing`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote, unquote

import msgspec

from sluicegate.errors import Refused, UpstreamError, UpstreamInvalid, UpstreamReset
from sluicegate.exchange import BODILESS, Response
from sluicegate.headers import Headers
from sluicegate.journey.dispatch.model.errors import of_error, shown, tell
from sluicegate.journey.dispatch.model.reading import no_model
from sluicegate.journey.dispatch.model.sealing import (
    NOBODY,
    OWNER,
    maker,
    no_object,
    opened,
    owned,
    sealed,
)
from sluicegate.journey.run import answer
from sluicegate.llm.failure import CallError, invalid
from sluicegate.upstream.sent_whole import SentWhole

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.journey.dispatch.model.errors import ErrorForm
    from sluicegate.journey.dispatch.model.reading import Reading
    from sluicegate.llm.call import ModelCall
    from sluicegate.upstream.provider_link import ProviderLink
    from sluicegate.wire.http1.client import ClientConnection

MOST_STORED: Final = 64 * 1024 * 1024
"""Bytes of an answer about stored objects; its ids are looked at, so it is held whole."""
OURS: Final = frozenset({b"set-cookie", b"alt-svc", b"strict-transport-security", b"server"})
"""Of a vendor's answer: said of the vendor's place, not of ours."""
DATE: Final = b"date"
OPENAI: Final = "openai_chat"
UNAUTHORISED: Final = (401, 403)
OK: Final = 200
FAILED: Final = 400


class _Entry(msgspec.Struct):
    id: str = ""
    metadata: dict[str, Any] | None = None


LIST: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
ENTRIES: Final = msgspec.json.Decoder(list[msgspec.Raw])
ENTRY: Final = msgspec.json.Decoder(_Entry)
EMPTY: Final = msgspec.Raw(b"null")
ENCODE: Final = msgspec.json.Encoder().encode


async def pass_native(exchange: Exchange, call: ModelCall, form: ErrorForm, max_body: int) -> None:
    """Pass a request under `/proxy/<provider>/` on. Raises CallError."""
    request = exchange.request
    link = exchange.snapshot.providers.get(call.endpoint.provider)
    if link is None:
        raise CallError(no_object(call.endpoint.provider))
    body = None if request.body is None else await request.body.read(max_body)
    passing = _Passing(exchange, link, form, None)
    await passing.run(call.endpoint.rest, request.query, body)


async def pass_stored(
    exchange: Exchange, call: ModelCall, form: ErrorForm, reading: Reading
) -> None:
    """Pass a request about stored objects to who keeps them. Raises CallError."""
    request, endpoint = exchange.request, call.endpoint
    owner = exchange.consumer_name or ""
    links = _keepers(exchange, reading, endpoint.dialect)
    query = request.query
    pieces = endpoint.rest.split("/")
    body = None if request.body is None else await request.body.read(reading.max_body)
    if len(pieces) > 1 and pieces[1]:
        name = unquote(pieces[1])
        made = maker(name, owner, links)
        if made is None:
            raise CallError(no_object(name))
        link, id_ = made
        rest = "/".join(["", quote(id_, safe=""), *pieces[2:]])
        if body and not any(pieces[2:]) and endpoint.dialect == OPENAI:
            body = owned(body, owner)
        passing = _Passing(exchange, link, form, _Renaming(ENCODE(id_), ENCODE(name)))
    else:
        link, query, rest = *_listed(exchange, links, owner), ""
        passing = _Passing(exchange, link, form, _SealingAll(owner, link))
    await passing.run(link.path(endpoint.dialect) + rest, query, body)


def _keepers(exchange: Exchange, reading: Reading, dialect: str) -> list[ProviderLink]:
    """Return the providers of the route's models that speak a dialect."""
    found: dict[str, ProviderLink] = {}
    for name, pool in exchange.snapshot.models.pools.items():
        if reading.serves(name):
            for each in pool.deployments:
                if each.link.speaks(dialect):
                    found[each.link.name] = each.link
    return list(found.values())


def _listed(
    exchange: Exchange, links: list[ProviderLink], owner: str
) -> tuple[ProviderLink, bytes | None]:
    """Return whose objects are listed, and the query for the caller's own. Raises CallError."""
    if exchange.request.method != "GET" or exchange.endpoint is None:
        raise invalid("", "expected an id behind the path")
    if exchange.endpoint.dialect != OPENAI or not links:
        raise CallError(no_object("list"))
    pairs = [pair for pair in (exchange.request.query or b"").split(b"&") if pair]
    model = next((pair[6:].decode("latin-1") for pair in pairs if pair[:6] == b"model="), None)
    link = links[0]
    if model is not None:
        pool = exchange.snapshot.models.find(unquote(model))
        of_model = [] if pool is None else [e for e in pool.deployments if e.link in links]
        if not of_model:
            raise CallError(no_model(unquote(model)))
        link = of_model[0].link
        pairs = [pair for pair in pairs if not pair.startswith(b"model=")]
        name = quote(of_model[0].model_for(unquote(model)), safe="")
        pairs.append(b"model=" + name.encode())
    elif len(links) > 1:
        raise invalid("model", "several providers keep completions: say of which model")
    pairs = [_position(pair, owner, link) for pair in pairs if OWNER not in _said(pair)]
    pairs.append(f"metadata%5B{OWNER}%5D={quote(owner or NOBODY, safe='')}".encode())
    return link, b"&".join(pairs)


def _said(pair: bytes) -> str:
    return unquote(pair.decode("latin-1"))


def _position(pair: bytes, owner: str, link: ProviderLink) -> bytes:
    """Return where a page begins, by the provider's own id. Raises CallError."""
    name, _, value = _said(pair).partition("=")
    if name != "after":
        return pair
    id_ = opened(value, owner, link)
    if id_ is None:
        raise CallError(no_object(value, "after"))
    return b"after=" + quote(id_, safe="").encode()


class Renaming(Protocol):
    """Puts ids with a seal in place of the provider's."""

    def renamed(self, body: bytes) -> bytes:
        """Return a whole answer with those."""


class _Renaming:
    """Of the one object that was asked for, in its answer or in the events of its stream."""

    def __init__(self, old: bytes, new: bytes) -> None:
        self._old = old
        self._new = new

    def renamed(self, body: bytes) -> bytes:
        return body.replace(self._old, self._new)


class _SealingAll:
    """Of a list of objects; what is not the caller's is left out, though it was not asked for."""

    def __init__(self, owner: str, link: ProviderLink) -> None:
        self._owner = owner
        self._link = link

    def renamed(self, body: bytes) -> bytes:
        try:
            fields = LIST.decode(body)
            found = [(ENTRY.decode(raw), raw) for raw in ENTRIES.decode(fields.get("data", b"[]"))]
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise UpstreamInvalid("not a list of objects") from None
        owner = self._owner or NOBODY
        own = [(e, raw) for e, raw in found if (e.metadata or {}).get(OWNER) == owner]
        if len(own) < len(found):
            fields["data"] = msgspec.Raw(b"[%b]" % b",".join(bytes(raw) for _, raw in own))
            for name, place in (("first_id", 0), ("last_id", -1)):
                fields[name] = msgspec.Raw(ENCODE(own[place][0].id)) if own else EMPTY
            body = ENCODE(fields)
        for id_ in {entry.id for entry, _ in own} - {""}:
            body = body.replace(ENCODE(id_), ENCODE(sealed(id_, self._owner, self._link)))
        return body


class _Passing(SentWhole):
    """Receiver of the provider's answer, and its way to the caller."""

    def __init__(
        self, exchange: Exchange, link: ProviderLink, form: ErrorForm, renaming: Renaming | None
    ) -> None:
        """Take `renaming` for stored objects: an answer is held whole for it. None: streamed."""
        self._exchange = exchange
        self._link = link
        self._form = form
        self._renaming = renaming
        self._connection: ClientConnection | None = None
        self._done: asyncio.Future[None] | None = None
        self._held: list[bytes] | None = None
        self._size = 0
        self._status = 0
        self._headers = Headers()

    async def run(self, path: str, query: bytes | None, body: bytes | None) -> None:
        """Send, and pass the answer on."""
        exchange, link = self._exchange, self._link
        exchange.service = exchange.target = link.name
        exchange.attempts += 1
        until = exchange.deadline
        try:
            if not link.ready:
                await link.refresh()
            request = exchange.request
            head = link.native_head(request.method, path, query, body, request.headers)
            connection = link.pool.take()
            if connection is not None:
                try:
                    await self._send(connection, head, body, until)
                except UpstreamReset:
                    if connection.any_bytes or request.method not in ("GET", "HEAD", "DELETE"):
                        raise
                else:
                    return
            connect_s = float(link.timeouts.connect)
            await self._send(await link.pool.connect(connect_s), head, body, until)
        except UpstreamError as error:
            if exchange.head_sent:
                answer(exchange, Refused(error.problem))
            else:
                tell(exchange, self._form, of_error(error))

    async def _send(
        self, connection: ClientConnection, head: bytes, body: bytes | None, until: float
    ) -> None:
        exchange = self._exchange
        self._connection = connection
        self._done = connection.loop.create_future()
        connection.start(
            self,
            head + body if body else head,
            self._link.timeouts,
            until,
            head_only=exchange.request.method == "HEAD",
            whole=True,
            chunked=False,
        )
        try:
            await self._done
        except asyncio.CancelledError:
            connection.abandon()
            raise
        if exchange.held:
            await exchange.finish_whole()

    # --- the answer ----------

    def on_response(self, status: int, headers: Headers, length: int | None) -> None:
        """Pass the head on, unless the answer must be seen whole."""
        exchange = self._exchange
        if status < OK:
            self._settle(UpstreamInvalid("an upgrade that was not asked for"))
            return
        self._status = status
        redact = self._link.redact
        self._headers = Headers(
            [(name, redact(value)) for name, value in headers if name not in OURS]
        )
        if self._renaming is not None or status >= FAILED:  # an error may quote our key
            self._held = []
            return
        exchange.first_byte_at = exchange.clock.monotonic()
        exchange.head(self._head(length), self._connection)

    def on_data(self, data: bytes) -> None:
        """Pass a piece on."""
        if self._held is None:
            self._exchange.chunk(data)
            return
        self._size += len(data)
        self._held.append(data)
        if self._size > MOST_STORED:
            self._settle(UpstreamError("too large"))

    def on_pause(self) -> None:
        """Send on what has come."""
        if self._held is None:
            self._exchange.sink.flush()

    def on_complete(self, trailers: Headers | None) -> None:
        """Pass the end on."""
        self._connection = None
        exchange = self._exchange
        try:
            if self._held is None:
                exchange.flow = None
                exchange.end(trailers)
            else:
                self._pass_whole(b"".join(self._held))
        except Exception as error:  # noqa: BLE001 - the connection has let go: nobody else tells
            self._settle(error)
        else:
            self._settle(None)

    def on_error(self, error: Exception) -> None:
        """Fail."""
        self._settle(error)

    def _pass_whole(self, body: bytes) -> None:
        exchange, status = self._exchange, self._status
        if status in UNAUTHORISED:  # our credentials: nothing of it is for the caller
            failure = self._form.dialect.read_failure(status, dict(self._headers), body)
            tell(exchange, self._form, shown(failure))
            return
        body = self._link.redact(body)
        if self._renaming is not None:
            body = self._renaming.renamed(body)
        length = None if status in BODILESS else len(body)
        exchange.head(self._head(length), None)
        if body:
            exchange.chunk(body)
        exchange.end(None)

    def _head(self, length: int | None) -> Response:
        dated = self._headers.get(DATE) is not None
        return Response(self._status, self._headers, length, dated=dated)

    def _settle(self, error: Exception | None) -> None:
        connection, self._connection = self._connection, None
        if error is not None and connection is not None:
            connection.abandon()
        if self._done is not None and not self._done.done():
            if error is None:
                self._done.set_result(None)
            else:
                self._done.set_exception(error)
