"""An answer given again: at once, or at the pace it came at the first time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sluicegate.exchange import Response
from sluicegate.headers import Headers
from sluicegate.journey.cache.recording import FREE

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.journey.cache.kept import Kept

OK: Final = 200
NOT_MODIFIED: Final = 304
HIT: Final = (b"sluicegate-cache", b"hit")
DATE: Final = b"date"
UNCHANGED: Final = (b"cache-control", b"content-location", b"date", b"etag", b"expires", b"vary")
"""What stands in a 304 (RFC 9110, section 15.4.5)."""


async def replay(exchange: Exchange, kept: Kept, *, paced: bool) -> None:
    """Answer with what is kept."""
    headers = Headers(kept.headers)
    dated = headers.get(DATE) is not None
    headers.append((b"age", b"%d" % kept.age(exchange.clock.wall_us())))
    headers.append(HIT)
    call = exchange.call
    if call is not None:
        call.first_token_at = exchange.clock.monotonic()
        if not call.stream:
            headers.append(FREE)
    if _is_unchanged(exchange, headers):
        few = [pair for pair in headers if pair[0] in UNCHANGED or pair[0] in (b"age", HIT[0])]
        exchange.head(Response(NOT_MODIFIED, Headers(few), 0, dated=dated), None)
    else:
        turn = Turn()
        exchange.head(Response(OK, headers, kept.length, dated=dated), turn)
        if paced and len(kept.sizes) > 1 and not exchange.held:
            await _paced(exchange, kept, turn)
        elif kept.body:
            exchange.chunk(kept.body)
        exchange.flow = None
    exchange.end(None)
    if exchange.held:
        await exchange.finish_whole()


class Turn:
    """The flow of an answer that waits by itself: whether the client reads fast enough."""

    __slots__ = ("_waits",)

    def __init__(self) -> None:
        """Go on."""
        self._waits: asyncio.Future[None] | None = None

    def pause(self) -> None:
        """Wait before the next piece."""
        if self._waits is None:
            self._waits = asyncio.get_running_loop().create_future()

    def resume(self) -> None:
        """Go on."""
        waits, self._waits = self._waits, None
        if waits is not None and not waits.done():
            waits.set_result(None)

    async def comes(self) -> None:
        """Return once the client reads again."""
        while self._waits is not None:
            await self._waits


async def _paced(exchange: Exchange, kept: Kept, turn: Turn) -> None:
    """Give each piece when it came the first time, or as soon after that as the client reads."""
    clock = exchange.clock
    due_s = began_s = clock.monotonic()
    offset = 0
    for size, gap_us in zip(kept.sizes, kept.gaps_us, strict=True):
        due_s += gap_us / 1e6
        left_s = due_s - clock.monotonic()
        if left_s > 0.0:
            exchange.sink.flush()
            await clock.sleep(left_s)
        await turn.comes()
        if not offset and exchange.call is not None:
            exchange.call.first_token_at = clock.monotonic()
            exchange.call.waited_s = exchange.call.first_token_at - began_s
        exchange.chunk(kept.body[offset : offset + size])
        offset += size


def _is_unchanged(exchange: Exchange, headers: Headers) -> bool:
    """Whether the client has this version (RFC 9110, section 13.1.2: a weak comparison)."""
    if exchange.call is not None:
        return False
    asked = exchange.request.headers.get_all(b"if-none-match")
    if not asked:
        return False
    tags = [tag.strip().removeprefix(b"W/") for tag in b",".join(asked).split(b",")]
    etag = headers.get(b"etag")
    return etag is not None and (b"*" in tags or etag.removeprefix(b"W/") in tags)
