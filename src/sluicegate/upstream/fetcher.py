"""Fetches something small from the open internet, or posts it: never to a private address.

A name that callers choose may lead anywhere, so every address is judged (`address_guard`), also one
that stands in the URL, and the connection goes to an address that was judged. Redirects are not
followed: they would have to be judged anew. A guard that allows some private networks lets
operators name what is in those.
"""

from __future__ import annotations

import asyncio
import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, quote, urlsplit

from sluicegate.errors import (
    ConnectFailed,
    UpstreamError,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamTooLarge,
)
from sluicegate.metrics import Cell
from sluicegate.model.service import Pool as PoolConfig
from sluicegate.model.service import Timeouts, UpstreamTls
from sluicegate.model.units import Duration
from sluicegate.upstream.pool import Pool
from sluicegate.upstream.sent_whole import SentWhole

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from sluicegate.headers import Headers
    from sluicegate.upstream.address_guard import AddressGuard
    from sluicegate.upstream.resolve import Resolver
    from sluicegate.upstream.service import Surroundings

TIMEOUTS: Final = Timeouts(connect=Duration(3), first_byte=Duration(10), idle=Duration(5))
ONCE: Final = PoolConfig(max_idle=0)
USUAL_PORTS: Final = (None, 80, 443)
OK: Final = 200
IDENTITY: Final = b"identity"
PLACE: Final = re.compile(r"[A-Za-z0-9._:\[\]-]+\Z")
"""A host, maybe with a port: neither user nor anything that a head cannot hold."""
Field = tuple[bytes, bytes]
UNESCAPED: Final = "/%:@!$&'()*+,;=-._~"
"""What may stand in a path as it is (RFC 3986, 3.3), and escapes."""


class Fetcher:
    """Fetches by GET. One connection for each."""

    def __init__(
        self,
        shared: Surroundings,
        resolver: Resolver,
        guard: AddressGuard,
        ports: Container[int | None] = USUAL_PORTS,
    ) -> None:
        """Take a `resolver` that judges by `guard`, too; addresses in URLs are judged here."""
        self._shared = shared
        self._resolver = resolver
        self._guard = guard
        self._ports = ports

    async def get(self, url: str, max_bytes: int, until: float) -> tuple[str, bytes]:
        """Return media type ("" where none is said) and body. Raises UpstreamError.

        `until` is monotonic seconds.
        """
        fetch = _Fetch(max_bytes)
        lines = b"accept: */*\r\naccept-encoding: identity\r\n\r\n"
        await self._exchange("GET", url, lines, fetch, until)
        return fetch.media, b"".join(fetch.pieces)

    async def post(self, url: str, fields: Sequence[Field], body: bytes, until: float) -> int:
        """Send `body` and return the status of the answer, whatever it says. Raises UpstreamError.

        `until` is monotonic seconds.
        """
        post = _Post()
        lines = b"".join([b"%b: %b\r\n" % field for field in fields])
        await self._exchange(
            "POST", url, b"%bcontent-length: %d\r\n\r\n%b" % (lines, len(body), body), post, until
        )
        return post.status

    async def _exchange(
        self, method: str, url: str, rest: bytes, receiver: _Fetch | _Post, until: float
    ) -> None:
        """Send a request whose head ends with `rest`, and wait until `receiver` is done."""
        parts = self._checked(url)
        left_s = until - self._shared.clock.monotonic()
        if left_s <= 0.0:
            raise UpstreamTimeout
        pool = Pool.to(
            f"{parts.scheme}://{parts.netloc}",
            UpstreamTls(),
            ONCE,
            self._shared.contexts,
            self._resolver,
            self._shared.deadlines,
            Cell(),
        )
        connection = await pool.connect(min(float(TIMEOUTS.connect), left_s))
        target = quote(parts.path or "/", safe=UNESCAPED)
        if parts.query:
            target += "?" + quote(parts.query, safe=UNESCAPED + "?")
        head = (
            f"{method} {target} HTTP/1.1\r\nhost: {parts.netloc}\r\n"
            "connection: close\r\nuser-agent: sluicegate\r\n"
        )
        try:
            connection.start(
                receiver,
                head.encode("ascii") + rest,
                TIMEOUTS,
                until,
                head_only=False,
                whole=True,
                chunked=False,
            )
            await receiver.done
        finally:
            connection.abandon()
            pool.close()

    def _checked(self, url: str) -> SplitResult:
        """Refuse what is no public place by its name already. Raises UpstreamError."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise UpstreamInvalid("not a URL") from None
        if parts.scheme not in ("http", "https") or not host or not PLACE.match(parts.netloc):
            raise UpstreamInvalid("not a URL that can be asked")
        if port not in self._ports:
            raise ConnectFailed("a port that nothing is fetched from")
        try:
            ip_address(host)
        except ValueError:
            return parts  # a name: its addresses are judged when it is looked up
        if not self._guard.allows(host):
            raise ConnectFailed("an address that nothing is fetched from")
        return parts


class _Receiver(SentWhole):
    """What all that is received here has in common: `done` once it is there."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_pause(self) -> None:
        """Take no notice."""

    def on_complete(self, trailers: Headers | None) -> None:  # noqa: ARG002 - none are wanted
        """Have all of it."""
        if not self.done.done():
            self.done.set_result(None)

    def on_error(self, error: Exception) -> None:
        """Fail."""
        if not self.done.done():
            known = isinstance(error, UpstreamError)
            self.done.set_exception(error if known else UpstreamInvalid("not to be read"))


class _Fetch(_Receiver):
    """Receiver of one answer."""

    __slots__ = ("_room", "media", "pieces")

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._room = max_bytes
        self.media = ""
        self.pieces: list[bytes] = []

    def on_response(self, status: int, headers: Headers, length: int | None) -> None:
        """Look at the head."""
        coding = headers.get(b"content-encoding")
        if status != OK:
            self.on_error(UpstreamInvalid(f"status {status}"))
        elif coding is not None and coding.strip().lower() != IDENTITY:
            self.on_error(UpstreamInvalid("compressed, which was not asked for"))
        elif length is not None and length > self._room:
            self.on_error(UpstreamTooLarge("too large"))
        media = (headers.get(b"content-type") or b"").partition(b";")[0]
        self.media = media.strip().lower().decode("latin-1")

    def on_data(self, data: bytes) -> None:
        """Take a piece."""
        self._room -= len(data)
        if self._room < 0:
            self.on_error(UpstreamTooLarge("too large"))
        elif not self.done.done():
            self.pieces.append(data)


class _Post(_Receiver):
    """Receiver of an answer of which only the status matters."""

    __slots__ = ("status",)

    def __init__(self) -> None:
        super().__init__()
        self.status = 0

    def on_response(self, status: int, headers: Headers, length: int | None) -> None:  # noqa: ARG002 - as above
        """Have what there is to know."""
        self.status = status
        self.on_complete(None)

    def on_data(self, data: bytes) -> None:
        """Take no notice."""
