"""One part of a request's take, from the decision to the charge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.state.contract import Ask, Counts, Outcome

LEAST_US: Final = 1_000_000
"""Keys live at least this long, since a leased block may outlive what it was charged to."""


class Wish:
    """One ask of a take: what its limits say, and what to keep when it is taken."""

    __slots__ = ("ask", "before", "fits", "fresh", "life_us", "outcomes")

    def __init__(self, ask: Ask, before: Sequence[Counts | None], now_us: int) -> None:
        """Decide."""
        self.ask = ask
        self.before = before
        self.outcomes: list[Outcome] = []
        self.fresh: list[Counts] = []
        self.fits = True
        self.life_us = LEAST_US
        for limit, counts in zip(ask.group.limits, before, strict=True):
            outcome, after = limit.algorithm.decide(counts, now_us, ask.cost)
            self.outcomes.append(outcome)
            self.fresh.append(after)
            self.life_us = max(self.life_us, outcome.reset_us)
            if not outcome.admitted:
                self.fits = False

    def untaken(self, now_us: int) -> None:
        """Say what is left without this ask, where a limit has admitted it."""
        for index, limit in enumerate(self.ask.group.limits):
            if self.outcomes[index].admitted:
                outcome, _ = limit.algorithm.decide(self.before[index], now_us, 0)
                self.outcomes[index] = outcome
