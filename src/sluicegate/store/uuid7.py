"""Ids of revisions: UUIDs of version 7 (RFC 9562, section 5.7), in the order of their making.

    48 bits: milliseconds since 1970 | 4: version | 12: random | 2: variant | 62: random

Ids of one process grow (section 6.2, method 2): within a millisecond, and while the clock stands
behind where it was, the 74 random bits are taken as a number that grows by a random step.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable

RANDOM_BITS: Final = 74
LOW_BITS: Final = 62
STEP_BITS: Final = 32
"""Of a step: as hard to guess as a random number of so many bits, and 2**41 of them fit."""


class Uuid7:
    """Makes ids, each greater than the one before."""

    __slots__ = ("_ms", "_number", "_random_bits")

    def __init__(self, random_bits: Callable[[int], int] = secrets.randbits) -> None:
        """`random_bits(count)` returns so many random bits as a number."""
        self._random_bits = random_bits
        self._ms = -1
        self._number = 0

    def make(self, wall_us: int) -> str:
        """Return an id made at that time, UTC microseconds, in the form of RFC 9562, section 4."""
        ms = wall_us // 1000
        if ms > self._ms:
            self._ms = ms
            self._number = self._random_bits(RANDOM_BITS - 1)  # the top bit is room to grow
        else:
            self._number += 1 + self._random_bits(STEP_BITS)
            if self._number >> RANDOM_BITS:
                self._ms += 1
                self._number = self._random_bits(RANDOM_BITS - 1)
        return _written(self._ms, self._number)


def first_of(wall_us: int) -> str:
    """Return the smallest id that can be made at that time or later."""
    return _written(max(0, wall_us // 1000), 0)


def parse_id(text: str) -> str | None:
    """Return an id as this module writes it; None for what is no UUID in that form."""
    try:
        written = str(UUID(text))
    except ValueError:
        return None
    return written if written == text.lower() else None


def _written(ms: int, number: int) -> str:
    high, low = number >> LOW_BITS, number & ((1 << LOW_BITS) - 1)
    return str(UUID(int=ms << 80 | 7 << 76 | high << 64 | 2 << 62 | low))
