"""One rule of one request on its way through the limiter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluicegate.journey.limit.lease import Spent
    from sluicegate.journey.limit.rule import Limits, Rule
    from sluicegate.state.contract import Ask, Outcome


class Wish:
    """One rule of one request: what is asked, and what was said.

    `late`: nothing was taken of a budget, because it could not be asked; it is charged afterwards.
    """

    __slots__ = ("ask", "degraded", "late", "limits", "outcomes", "rule", "spent")

    def __init__(self, rule: Rule, limits: Limits, ask: Ask) -> None:
        """Nothing is said yet."""
        self.rule = rule
        self.limits = limits
        self.ask = ask
        self.outcomes: Sequence[Outcome] = ()
        self.degraded = ""
        self.late = False
        self.spent: Spent | None = None

    @property
    def lasts(self) -> bool:
        """Whether a refusal holds for as long as it says. Blocks are given back: theirs may not."""
        return self.rule.remembers and not self.degraded and self.limits.leases is None

    @property
    def refused(self) -> bool:
        """Whether one of the limits has refused."""
        for outcome in self.outcomes:  # noqa: SIM110 - a generator costs more, for every request
            if not outcome.admitted:
                return True
        return False


def share_out(asked: list[Wish], outcomes: list[Outcome]) -> None:
    """Give every wish the outcomes of its limits."""
    if len(asked) == 1:
        asked[0].outcomes = outcomes
        return
    at = 0
    for wish in asked:
        end = at + len(wish.ask.group.limits)
        wish.outcomes = outcomes[at:end]
        at = end
