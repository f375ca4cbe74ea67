"""An answer as it passes by, as dispatch gives it: before any policy changes it.

So what is given again passes the policies once, as it did the first time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.exchange import Response

OK: Final = 200
MARK: Final = b"sluicegate-cache"
MISS: Final = (MARK, b"miss")
OF_THE_CALL: Final = (b"sluicegate-model", b"sluicegate-provider", b"sluicegate-dropped")
"""Headers of ours that say what was called, not what it took."""
OURS: Final = (b"sluicegate-", b"x-litellm-")
FREE: Final = (b"sluicegate-cost", b"0")
"""Of an answer that somebody else has paid. Streams say so in their last comment."""
PIECE_BYTES: Final = 16
"""What a piece takes beside its bytes: its size and time."""


class Tap(Protocol):
    """Sees what dispatch answers (`exchange.tap`). What is given after `end` is not looked at."""

    def head(self, response: Response) -> None:
        """See a head; what there was before it does not count. Headers may be added."""

    def chunk(self, data: bytes) -> None:
        """See a piece of the body."""

    def end(self) -> None:
        """See that the body is whole."""


class Recording:
    """A `Tap` that keeps an answer of status 200 and of `max_bytes` at most.

    `whole`: it is there, from beginning to end. `large`: it would have been, were it smaller.
    """

    __slots__ = (
        "_clock", "_last_s", "_most", "_on", "gaps_us", "headers", "large", "length", "pieces",
        "whole",
    )  # fmt: skip

    def __init__(self, clock: Clock, max_bytes: int) -> None:
        """Start with nothing seen."""
        self._clock = clock
        self._most = max_bytes
        self._on = False
        self._last_s = 0.0
        self.headers: list[tuple[bytes, bytes]] = []
        self.length: int | None = None
        self.pieces: list[bytes] = []
        self.gaps_us: list[int] = []
        self.whole = self.large = False

    def head(self, response: Response) -> None:
        """Begin, and say in the answer that it was not kept before."""
        self.headers = list(response.headers)
        self.length = response.length
        self.pieces.clear()
        self.gaps_us.clear()
        self.whole = False
        self.large = self.length is not None and self.length > self._most
        self._on = response.status == OK and not self.large
        self._last_s = self._clock.monotonic()
        response.headers.append(MISS)

    def chunk(self, data: bytes) -> None:
        """Keep a piece."""
        if not self._on:
            return
        self._most -= len(data) + PIECE_BYTES
        if self._most < 0:
            self._on = False
            self.large = True
            self.pieces.clear()
            self.gaps_us.clear()
            return
        now = self._clock.monotonic()
        self.pieces.append(data)
        self.gaps_us.append(round((now - self._last_s) * 1e6))
        self._last_s = now

    def end(self) -> None:
        """Take notice that it is whole."""
        self.whole, self._on = self.whole or self._on, False


def stays(name: bytes) -> bool:
    """Whether a header is as true of an answer that is given again."""
    return name != b"age" and (not name.startswith(OURS) or name in OF_THE_CALL)
