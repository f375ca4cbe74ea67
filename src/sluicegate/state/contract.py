"""What limits ask of the state, whatever keeps it.

A request is under several limits at once and takes from all of them, or from none: a refused
request charges nothing anywhere. Every number is an integer: microseconds, and units of the limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

NEVER = -1
"""`retry_after_us` of a cost that is more than the limit ever holds."""

Counts = tuple[int, ...]
"""What an algorithm keeps per subject. None stands for a subject that was not seen lately."""


class Outcome:
    """What one limit says to one request.

    `limit` is the most that can be had at an instant, `remaining` what is left of it now, rounded
    down. `reset_us` is the time until the limit is as if never used, `retry_after_us` the time
    until this cost can be had (0 when it was, `NEVER` when it never can); both rounded up.
    """

    __slots__ = ("admitted", "limit", "remaining", "reset_us", "retry_after_us")

    def __init__(
        self,
        admitted: bool,  # noqa: FBT001 - made for each request, and by position
        limit: int,
        remaining: int,
        reset_us: int,
        retry_after_us: int,
    ) -> None:
        """Keep the numbers."""
        self.admitted = admitted
        self.limit = limit
        self.remaining = remaining
        self.reset_us = reset_us
        self.retry_after_us = retry_after_us


class Algorithm(Protocol):
    """One way to count, with its numbers. Immutable: what changes is in the state."""

    def decide(self, counts: Counts | None, now_us: int, cost: int) -> tuple[Outcome, Counts]:
        """Say whether `cost` may be had at `now_us`, and what to keep then.

        Pure. Refused, the counts are as before. A time before one seen already counts as that one.
        """


class Take:
    """A wish: `cost` units of the limit `algorithm`, counted under `prefix` and a subject.

    `prefix` names the limit; those of one call differ from each other. Wishes say nothing of a
    request, so they are made once and used for all.
    """

    __slots__ = ("algorithm", "cost", "prefix")

    def __init__(self, prefix: str, algorithm: Algorithm, cost: int) -> None:
        """Keep the wish."""
        self.prefix = prefix
        self.algorithm = algorithm
        self.cost = cost


class Verdict:
    """The answer: whether everything was taken (else nothing was), and what each limit says."""

    __slots__ = ("admitted", "outcomes")

    def __init__(self, admitted: bool, outcomes: list[Outcome]) -> None:  # noqa: FBT001 - as above
        """Keep the answer."""
        self.admitted = admitted
        self.outcomes = outcomes


class LimitState(Protocol):
    """Where limits are counted."""

    async def take(self, takes: Sequence[Take], subject: str) -> Verdict:
        """Take everything for `subject`, or nothing. `outcomes` are in the order of `takes`."""
