r"""The ledger of a process that keeps everything itself: counts of budgets, and lines that wait.

It does what `settled.lua`, `bill.lua`, `line.lua` and the ledger's part of `take.lua` do. A budget
is named `<place>\x1f<subject>`. Management's side is `state/ledger_in_memory.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol, cast

import msgspec

from sluicegate.state.contract import MOST_LINES, Ask, Counts, Limit
from sluicegate.state.due import Due, Kept
from sluicegate.state.ledger import Alert, Line
from sluicegate.state.totals import Totals

if TYPE_CHECKING:
    from sluicegate.clock import Clock

SEPARATOR: Final = "\x1f"
SETTLED_US: Final = 60 * 1_000_000
"""How long it is known that a ticket was settled: longer than a settlement is repeated."""
SWEPT_US: Final = 86_400 * 1_000_000
"""How long it is known that a ticket was swept: longer than exchanges last."""


class Spends(Protocol):
    """The algorithm of a budget; see `Spending`."""

    @property
    def limit(self) -> int:
        """The most nano-USD of a period."""

    def settled(self, counts: Counts, admitted_us: int, held: int, cost: int) -> Counts:
        """Spend `cost` instead of what was `held` since `admitted_us`."""

    def crossed(self, before: int, after: int) -> list[int]:
        """Return the thresholds in percent that are reached now."""

    def kept_until(self, now_us: int) -> int:
        """Return the time until which counts are kept."""


class Budget(Kept):
    """The counts of one budget, by label. A label that is not there is not known."""

    __slots__ = ("_home", "_name", "counts")

    def __init__(self, home: dict[str, Budget], name: str, due_us: int) -> None:
        """Start with no counts, in `home`."""
        super().__init__(due_us)
        self.counts: dict[str, Counts] = {}
        self._home = home
        self._name = name
        home[name] = self

    def drop(self) -> None:
        """Take it out of its home."""
        del self._home[self._name]


class Reservation:
    """What one ticket holds of budgets: of each ask what, -1 where it was let through without.

    `admitted_us` lies in the periods of all counts. At `due_us` it is swept.
    """

    __slots__ = ("admitted_us", "asks", "due_us", "entry", "held", "life_us")

    def __init__(self, admitted_us: int, entry: bytes, life_us: int, due_us: int) -> None:
        """Begin with no asks."""
        self.admitted_us = admitted_us
        self.entry = entry
        self.life_us = life_us
        self.due_us = due_us
        self.asks: list[Ask] = []
        self.held: list[int] = []

    def let_go(self, name: str) -> int:
        """Return what is held of a budget, once; 0 where it was let through without."""
        for index, ask in enumerate(self.asks):
            held = self.held[index]
            if held >= 0 and name_of(ask) == name:
                self.held[index] = -1
                return held
        return 0


class MemoryLedger:
    """`budgets` by name, `open` reservations by ticket, `lines` by id (oldest first), `totals`."""

    __slots__ = (
        "_clock", "_due", "_number", "_settled", "_swept", "alerts", "budgets", "lines",
        "most_lines", "open", "totals",
    )  # fmt: skip

    def __init__(self, clock: Clock, most_lines: int = MOST_LINES) -> None:
        """Start empty; `most_lines` may wait, and what comes beyond is added up."""
        self.most_lines = most_lines
        self.budgets: dict[str, Budget] = {}
        self.open: dict[str, Reservation] = {}
        self.lines: dict[str, Line] = {}
        self.alerts: dict[str, Alert] = {}
        self.totals = Totals()
        self._clock = clock
        self._due = Due(clock)
        self._number = 0
        self._settled: dict[str, int] = {}
        self._swept: dict[str, int] = {}

    def close(self) -> None:
        """Stop forgetting."""
        self._due.close()

    # --- counts ----------

    def counts_of(self, ask: Ask) -> list[Counts | None]:
        """Return the counts of an ask's limits, None where they are not known."""
        budget = self.budgets.get(name_of(ask))
        if budget is None:
            return [None] * len(ask.group.limits)
        return [budget.counts.get(limit.label) for limit in ask.group.limits]

    def admitted_us(self, asks: Sequence[Ask], now_us: int) -> int:
        """Return `now_us`, or where the clock was set back the start of the latest period.

        What is admitted has one time, which lies in the periods of all of its budgets.
        """
        for ask in asks:
            if ask.group.spends:
                for counts in self.counts_of(ask):
                    if counts is not None:
                        now_us = max(now_us, cast("int", counts[0]))
        return now_us

    def keep(self, ask: Ask, fresh: Sequence[Counts], now_us: int) -> None:
        """Keep counts until the end of the period after the one that is now."""
        due_us = now_us
        for limit in ask.group.limits:
            due_us = max(due_us, _spends(limit).kept_until(now_us))
        name = name_of(ask)
        budget = self.budgets.get(name)
        if budget is None:
            budget = Budget(self.budgets, name, due_us)
            self._due.add(budget)
        budget.due_us = max(budget.due_us, due_us)
        for limit, counts in zip(ask.group.limits, fresh, strict=True):
            budget.counts[limit.label] = counts

    # --- reservations ----------

    def reserve(self, ticket: str, reservation: Reservation) -> None:
        """Keep what a ticket holds, until it is settled or due."""
        self.open[ticket] = reservation

    def refresh(self, ticket: str, now_us: int) -> None:
        """Keep a reservation for its whole life again."""
        reservation = self.open.get(ticket)
        if reservation is not None:
            reservation.due_us = now_us + reservation.life_us

    def settle(self, asks: Sequence[Ask], ticket: str, entry: bytes, cost: int | None) -> None:
        """Spend instead of what is held, and write the line; once for a ticket.

        What is spent is always on a line: without one, what is held is given back.
        """
        now_us = self._clock.wall_us()
        self._forget(now_us)
        spent = [ask for ask in asks if ask.group.spends]
        reservation = self.open.pop(ticket, None)
        admitted_us = 0
        if reservation is not None:
            admitted_us = reservation.admitted_us
        elif not entry or ticket in self._settled or ticket in self._swept:
            return
        elif spent:
            admitted_us = _at_us(entry)
        budgets: list[str] = []
        for ask in spent:
            name = name_of(ask)
            held = 0 if reservation is None else reservation.let_go(name)
            # Two policies may have one budget in common: both have held, and it is spent once.
            amount = 0 if not entry or name in budgets else cost or 0
            self._bill(ask, admitted_us, held, amount, now_us)
            if name not in budgets:
                budgets.append(name)
        if entry:
            self.write(admitted_us, cost, tuple(budgets), entry)
            self._settled[ticket] = now_us + SETTLED_US

    def sweep(self, most: int) -> int:
        """Charge up to `most` reservations that are due, the oldest first; returns how many.

        The cost is the most that was held of any budget, and it is charged to all of them, so that
        their counts remain sums over lines.
        """
        now_us = self._clock.wall_us()
        due = sorted(
            (each.due_us, ticket) for ticket, each in self.open.items() if each.due_us <= now_us
        )[:most]
        for _, ticket in due:
            reservation = self.open.pop(ticket)
            cost = max(0, *reservation.held)
            budgets: list[str] = []
            for ask, held in zip(reservation.asks, reservation.held, strict=True):
                name = name_of(ask)
                amount = 0 if name in budgets else cost
                self._bill(ask, reservation.admitted_us, max(0, held), amount, now_us)
                if name not in budgets:
                    budgets.append(name)
            if reservation.entry:
                admitted_us = reservation.admitted_us
                self.write(admitted_us, cost, tuple(budgets), reservation.entry, swept=True)
            self._swept[ticket] = now_us + SWEPT_US
        return len(due)

    def _bill(self, ask: Ask, admitted_us: int, held: int, cost: int, now_us: int) -> None:
        """Spend `cost` of a budget whose counts are there, and tell of thresholds."""
        budget = self.budgets.get(name_of(ask))
        if budget is None:
            return
        for limit in ask.group.limits:
            before = budget.counts.get(limit.label)
            if before is None:
                continue
            algorithm = _spends(limit)
            after = algorithm.settled(before, admitted_us, held, cost)
            budget.counts[limit.label] = after
            spent = cast("int", after[1])
            for percent in algorithm.crossed(cast("int", before[1]), spent):
                alert = Alert(
                    self._next(), ask.group.place, ask.subject, limit.label, percent,
                    algorithm.limit, spent, cast("int", after[0]), now_us,
                )  # fmt: skip
                self.alerts[alert.id] = alert

    def _forget(self, now_us: int) -> None:
        """Forget tickets that were settled or swept long ago."""
        for done in (self._settled, self._swept):
            while done:
                oldest = next(iter(done))
                if done[oldest] > now_us:
                    break
                del done[oldest]

    # --- lines ----------

    def write(
        self, admitted_us: int, cost: int | None, budgets: tuple[str, ...], entry: bytes,
        *, swept: bool = False,
    ) -> None:  # fmt: skip
        """Write a line, or add it up with others where as many wait as may."""
        if len(self.lines) + len(self.alerts) >= self.most_lines:
            self.totals.add(admitted_us, cost, budgets, entry, swept=swept)
            return
        line = Line(self._next(), admitted_us, cost, budgets, entry, swept)
        self.lines[line.id] = line

    def _next(self) -> str:
        """Return the id of a new item, as a stream has them."""
        self._number += 1
        return f"{self._number}-0"


def name_of(ask: Ask) -> str:
    """Return the name of the budget that an ask is of."""
    return f"{ask.group.place}{SEPARATOR}{ask.subject}"


def _spends(limit: Limit) -> Spends:
    return cast("Spends", limit.algorithm)


def _at_us(entry: bytes) -> int:
    """Return when an exchange was admitted by what its entry says."""
    at_us: int = msgspec.msgpack.decode(entry)[1]
    return at_us
