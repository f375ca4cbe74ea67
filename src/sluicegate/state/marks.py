"""Marks that end by themselves, in memory: what one worker tells all others by a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

MS_US: Final = 1000
MOST: Final = 100_000
"""Marks; about 20 MB. Those that are over are forgotten first, then the oldest."""


class Marks:
    """Names, and until when each is marked (wall time, microseconds)."""

    __slots__ = ("_until_us",)

    def __init__(self) -> None:
        """Start with none."""
        self._until_us: dict[str, int] = {}

    def __len__(self) -> int:
        """Count those that are kept."""
        return len(self._until_us)

    def mark(self, lives_ms: Mapping[str, int], now_us: int) -> None:
        """Mark names for so long; what is marked for longer stays as it is."""
        marked = self._until_us
        for name, life_ms in lives_ms.items():
            until_us = now_us + life_ms * MS_US
            if until_us > marked.get(name, now_us):
                marked[name] = until_us
        if len(marked) > MOST:
            self._until_us = {name: until for name, until in marked.items() if until > now_us}
        while len(self._until_us) > MOST:
            del self._until_us[next(iter(self._until_us))]

    def left_ms(self, names: Sequence[str], now_us: int) -> list[int]:
        """Return for how many more milliseconds each is marked, rounded up; 0 for no mark."""
        left: list[int] = []
        for name in names:
            until_us = self._until_us.get(name, now_us)
            if until_us > now_us:
                left.append(-(-(until_us - now_us) // MS_US))
            else:
                self._until_us.pop(name, None)
                left.append(0)
        return left
