"""Concurrency: so many at once. A request holds a slot from its start to its end.

What is counted are tickets, which the state keeps with the time at which each expires: `expiry_us`
after it was taken or refreshed last, so that the slots of a worker that died become free.
"""

from __future__ import annotations

from typing import Final, cast

from sluicegate.journey.limit.algorithms.portion import portion
from sluicegate.state.contract import NEVER, Counts, Outcome

SECOND_US: Final = 1_000_000
"""Nobody knows when a request ends; a second is what refused callers are told to wait."""


class Slots:
    """`limit` slots. Numbers: the limit and the expiry. Counts: how many slots are held now.

    A ticket is one slot, so a cost is 1; a cost of 0 asks what is left.
    """

    __slots__ = ("code", "expiry_us", "limit", "numbers")

    def __init__(self, limit: int, expiry_us: int) -> None:
        """Keep the numbers."""
        self.code = "slots"
        self.limit = limit
        self.expiry_us = expiry_us
        self.numbers: tuple[int | str, ...] = (limit, expiry_us)

    def decide(self, counts: Counts | None, now_us: int, cost: int) -> tuple[Outcome, Counts]:  # noqa: ARG002 - as all have it
        """Say whether a slot may be had where `counts` are held, and how many are then. Pure."""
        held = _held(counts)
        after = held + cost
        if after > self.limit:
            retry_us = NEVER if cost > self.limit else SECOND_US
            left = max(0, self.limit - held)
            return Outcome(False, self.limit, left, SECOND_US, retry_us), (held,)
        return Outcome(True, self.limit, self.limit - after, SECOND_US, 0), (after,)

    def adjust(self, counts: Counts | None, now_us: int, taken_us: int, change: int) -> Counts:  # noqa: ARG002 - as all have it
        """Return how many are held after `change` were taken, or freed where below 0. Pure."""
        return (max(0, _held(counts) + change),)

    def share(self, workers: int, place: int) -> Slots | None:
        """Return a part of the slots; the parts add up to them."""
        limit = portion(self.limit, workers, place)
        return Slots(limit, self.expiry_us) if limit else None


def _held(counts: Counts | None) -> int:
    return 0 if counts is None else cast("tuple[int]", counts)[0]
