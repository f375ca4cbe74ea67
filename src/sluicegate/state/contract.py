"""What limits ask of the state, whatever keeps it.

A request is under several limits at once and takes from all of them, or from none: a refused
request charges nothing anywhere. Every number is an integer: microseconds, and units of the limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

NEVER = -1
"""`retry_after_us` of a cost that is more than the limit ever holds."""

Counts = tuple[int, ...]
"""What an algorithm keeps per subject. None stands for a subject that was not seen lately."""


class Outcome(msgspec.Struct, gc=False):
    """What one limit says to one request.

    `limit` is the most that can be had at an instant, `remaining` what is left of it now, rounded
    down. `reset_us` is the time until the limit is as if never used, `retry_after_us` the time
    until this cost can be had (0 when it was, `NEVER` when it never can); both rounded up.
    """

    admitted: bool
    limit: int
    remaining: int
    reset_us: int
    retry_after_us: int


class Algorithm(Protocol):
    """One way to count, with its numbers. Immutable: what changes is in the state."""

    def decide(self, counts: Counts | None, now_us: int, cost: int) -> tuple[Outcome, Counts]:
        """Say whether `cost` may be had at `now_us`, and what to keep then.

        Pure. Refused, the counts are as before. A time before one seen already counts as that one.
        """


class Take(msgspec.Struct, gc=False, frozen=True):
    """A wish: `cost` units of the limit `algorithm`, counted under `key`.

    `key` names limit and subject; the keys of one call differ from each other.
    """

    key: str
    algorithm: Algorithm
    cost: int


class Verdict(msgspec.Struct, gc=False):
    """The answer: whether everything was taken (else nothing was), and what each limit says."""

    admitted: bool
    outcomes: list[Outcome]


class LimitState(Protocol):
    """Where limits are counted."""

    async def take(self, takes: Sequence[Take]) -> Verdict:
        """Take everything, or nothing. `outcomes` are in the order of `takes`."""
