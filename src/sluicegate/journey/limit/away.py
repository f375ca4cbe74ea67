"""What takes the state's place while it is away: this worker's memory, and its part of each limit.

With `share` a worker admits its part of a limit, as the last view of all workers divides it: the
parts add up to the limit. With `local` each admits all of it. Both count in memory, which starts
empty: the excess is one more allowance when the state goes, and one when it comes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluicegate.state.contract import Algorithm, Ask, Counts, Crew, Group, Limit, Outcome

if TYPE_CHECKING:
    from sluicegate.state.live import LiveView
    from sluicegate.state.memory import MemoryState

MOST_PARTS: Final = 65_536
"""Groups whose parts are kept: more than these are of configurations that are gone."""
SECOND_US: Final = 1_000_000
MONTH_US: Final = 31 * 86_400 * SECOND_US
"""The longest one: of a calendar month, whose period is written 0."""


class Nothing:
    """The part of a limit that is less than 1: it admits nobody, and never will until counted anew.

    Whoever is refused is told to come back after the limit's period.
    """

    __slots__ = ("_retry_us", "code", "limit", "numbers")

    def __init__(self, whole: Algorithm) -> None:
        """`whole` is the limit of which there is no part for us."""
        self.code = "nothing"
        self.limit = whole.limit
        self.numbers: tuple[int | str, ...] = ()
        self._retry_us = int(getattr(whole, "period_us", SECOND_US)) or MONTH_US

    def decide(self, counts: Counts | None, now_us: int, cost: int) -> tuple[Outcome, Counts]:  # noqa: ARG002 - the contract's
        """Refuse what costs anything."""
        wait_us = self._retry_us
        return Outcome(cost == 0, self.limit, 0, wait_us, wait_us if cost else 0), counts or ()

    def adjust(self, counts: Counts | None, now_us: int, taken_us: int, change: int) -> Counts:  # noqa: ARG002 - the contract's
        """Do nothing: nothing was taken."""
        return counts or ()

    def share(self, workers: int, place: int) -> Algorithm | None:  # noqa: ARG002 - the contract's
        """Return no part: there is none of nothing."""
        return None


class Away:
    """Counts here what cannot be counted in the state. `state` is this worker's own."""

    __slots__ = ("_crew", "_parts", "state", "view")

    def __init__(self, local: MemoryState, view: LiveView) -> None:
        """`local` is used for nothing else."""
        self.state = local
        self.view = view
        self._crew = view.crew
        self._parts: dict[Group, Group] = {}

    def part(self, ask: Ask) -> Ask:
        """Return what to ask of `state` instead, for `share`; for `local` it is `ask` itself."""
        return Ask(self._part_of(ask.group), ask.subject, ask.cost)

    def _part_of(self, group: Group) -> Group:
        crew = self.view.crew
        if crew is not self._crew:
            if crew.workers != self._crew.workers or crew.place != self._crew.place:
                self._parts.clear()
            self._crew = crew
        part = self._parts.get(group)
        if part is None:
            if len(self._parts) >= MOST_PARTS:
                self._parts.clear()
            part = self._parts[group] = _part(group, crew)
        return part


def _part(group: Group, crew: Crew) -> Group:
    limits = []
    for limit in group.limits:
        share = limit.algorithm.share(crew.workers, crew.place)
        limits.append(Limit(limit.label, Nothing(limit.algorithm) if share is None else share))
    return Group(group.place, limits, settles=group.settles, shadow=group.shadow)
