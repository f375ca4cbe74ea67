"""Proves that what budgets have counted is what the ledger says, while calls go on.

    counts of a budget  ==  entries in the store  +  lines that wait in the state

Three things are read, one after the other, while lines move from the state to the store. It is a
proof where nothing of the budget changed meanwhile: no batch of lines has moved (the version), the
counts before and after the lines were read are the same, and so is the sum of the store before and
after it was asked which of those lines it has (a line is in both while it moves). What was
disturbed is looked at again, in smaller portions. Budgets at rest need none of this.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from sluicegate.admin.budget_places import LENGTHS_US, bounds_of, entries_of, period_of
from sluicegate.journey.limit.algorithms.spending import Spending
from sluicegate.model.ledger import Entry
from sluicegate.state.contract import EXACT, Group, Limit

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.state.ledger import Ledger, Line, Spent
    from sluicegate.store.ledger import Sums

PORTION: Final = 50
"""Budgets that are looked at together, at most."""
TRIES: Final = 20
PAUSE_S: Final = 0.1
"""Less than between two moves of lines."""
REPAIRS: Final = 5
MOST_WAITING: Final = 50_000
"""Lines that may wait; with more of them the store has been away, and has to catch up first."""
PAGE: Final = 1000
BETWEEN: Final = "\x1f"
DECODER: Final = msgspec.msgpack.Decoder(Entry)

Verdict = Literal["equal", "different", "busy", "not_configured"]
Budget = tuple[str, str, str]
"""Place, subject and label of counts."""


class Reconciled(msgspec.Struct, frozen=True):
    """One count of a budget beside the ledger, nano-USD.

    `stored` is what the store has of the period since `start_us`, `waiting` what the state has
    of it besides. `busy`: it never stood still; the numbers are the last ones seen.
    `not_configured`: calls are not charged to it now, so that there is nothing to prove.
    """

    place: str
    subject: str
    label: str
    start_us: int
    spent: int
    stored: int
    waiting: int
    verdict: Verdict

    @property
    def difference(self) -> int:
        """What was counted and is not in the ledger; below 0 what is there and was not counted."""
        return self.spent - self.stored - self.waiting


class _Look:
    """What the state said at one instant: counts on both sides of the lines."""

    def __init__(
        self, before: Iterable[Spent], lines: Sequence[Line], after: Iterable[Spent]
    ) -> None:
        self._before = {_budget(count): count for count in before}
        self._after = {_budget(count): count for count in after}
        self._lines: list[tuple[int, int, Entry, tuple[str, ...]]] = []
        for line in lines:
            if line.cost:
                entry = DECODER.decode(line.entry)
                at_us = line.at_us or entry.at_us
                self._lines.append((at_us, line.cost, entry, line.budgets))
        self._sorted: dict[tuple[str, ...], dict[tuple[str | None, ...], list[int]]] = {}
        self._named: dict[str, list[int]] = {}
        for number, line_ in enumerate(self._lines):
            for budget in line_[3]:
                self._named.setdefault(budget, []).append(number)

    def counts(self, budget: Budget) -> tuple[Spent | None, bool]:
        """Return the counts of a budget, and whether they stood still."""
        before, after = self._before.get(budget), self._after.get(budget)
        if before is None or after is None:
            return after, False
        still = (before.start_us, before.spent) == (after.start_us, after.spent)
        return after, still

    def waiting(self, budget: Budget, start_us: int, end_us: int) -> dict[str, tuple[int, int]]:
        """Return lines of that time that are its: by id, when and nano-USD.

        These are lines that name it, and entries that it is the sum of though they are older.
        """
        numbers = {*self._named.get(budget[0] + BETWEEN + budget[1], ()), *self._agreeing(budget)}
        lines = [self._lines[number] for number in sorted(numbers)]
        return {entry.id: (at, cost) for at, cost, entry, _ in lines if start_us <= at < end_us}

    def _agreeing(self, budget: Budget) -> Sequence[int]:
        where = entries_of(budget[0], budget[1]) or {}
        fields = tuple(where)
        if not fields:
            return ()
        if fields not in self._sorted:
            by = self._sorted[fields] = {}
            for number, (_, _, entry, _) in enumerate(self._lines):
                values = tuple(getattr(entry, field) for field in fields)
                by.setdefault(values, []).append(number)
        return self._sorted[fields].get(tuple(where.values()), ())


class Reconciliation:
    """Compares, and repairs. Raises StateAway and StoreAway."""

    def __init__(
        self, ledger: Ledger, store: Sums, clock: Clock,
        runs: Container[str] | None = None,
    ) -> None:  # fmt: skip
        """Read counts and lines from `ledger`, entries from `store`.

        `runs` has the places of the budgets that run; None: all that have counts.
        """
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._runs = runs

    async def compare(self) -> list[Reconciled]:
        """Compare every budget in its present period, in the order of their names.

        What was counted in periods that are over is charged to nobody, and left out.
        """
        now_us = self._clock.wall_us()
        counts = [each for each in await self._ledger.counts() if _is_present(each, now_us)]
        found = await self._at_rest(counts)
        known = {(each.place, each.subject, each.label) for each in found}
        waiting = sorted((each for each in counts if _budget(each) not in known), key=_budget)
        tries, portion = 0, PORTION
        while waiting:
            looked, rest = waiting[:portion], waiting[portion:]
            last = tries + 1 >= TRIES
            results = await self._look(looked, last=last)
            found += [each for each in results.values() if each is not None]
            missed = [each for each in looked if _budget(each) not in results]
            tries = tries + 1 if missed else 0
            portion = max(1, portion // 2) if missed else PORTION
            waiting = missed + rest
            if missed:
                await self._clock.sleep(PAUSE_S)
        judged = [self._judged(each) for each in found]
        return sorted(judged, key=lambda each: (each.place, each.subject, each.label))

    def _judged(self, found: Reconciled) -> Reconciled:
        """Say of what differs whether it matters."""
        if found.verdict == "equal" or self._runs is None or found.place in self._runs:
            return found
        return msgspec.structs.replace(found, verdict="not_configured")

    async def repair(self, differing: Iterable[Reconciled]) -> list[Reconciled]:
        """Put counts right, and return those that now are."""
        budgets: dict[tuple[str, str], list[Reconciled]] = {}
        for each in differing:
            budgets.setdefault((each.place, each.subject), []).append(each)
        repaired: list[Reconciled] = []
        for (place, subject), wrong in budgets.items():
            if await self._put(place, subject):
                repaired += wrong
        return repaired

    async def _at_rest(self, counts: Sequence[Spent]) -> list[Reconciled]:
        """Return those that nobody was charged to meanwhile, and of which no line waits.

        All they have is in the store, whatever moves beside them: most are so, and quickly looked
        at.
        """
        look = await self._read()
        resting = []
        for each in counts:
            count, still = look.counts(_budget(each))
            if count is not None and still and not look.waiting(_budget(each), *_bounds(each)):
                resting.append(count)
        stored = [await self._stored(count) for count in resting]
        after = {_budget(count): count for count in await self._ledger.counts()}
        found = []
        for count, sum_ in zip(resting, stored, strict=True):
            later = after.get(_budget(count))
            if later and (later.start_us, later.spent) == (count.start_us, count.spent):
                found.append(_reconciled(count, sum_, 0, still=True))
        return found

    async def _read(self) -> _Look:
        before = await self._ledger.counts()
        lines = await self._ledger.pending()
        return _Look(before, lines, await self._ledger.counts())

    async def _look(
        self, counts: Sequence[Spent], *, last: bool
    ) -> dict[Budget, Reconciled | None]:
        """Return what stood still, with `last` everything; None for counts that are gone."""
        version = await self._ledger.version()
        stored = {_budget(each): await self._stored(each) for each in counts}
        look = await self._read()
        found: dict[Budget, Reconciled | None] = {}
        for each in counts:
            budget = _budget(each)
            count, still = look.counts(budget)
            if count is None or count.start_us != each.start_us:
                found[budget] = None  # lost, or in its next period
                continue
            start_us, end_us = _bounds(each)
            lying = look.waiting(budget, start_us, end_us)
            if lying:
                for known in await self._known(each, lying):
                    del lying[known]
                still = still and await self._stored(each) == stored[budget]
            if still or last:
                cost = sum(cost for _, cost in lying.values())
                found[budget] = _reconciled(count, stored[budget], cost, still=still)
        if await self._ledger.version() == version:
            return found
        if not last:
            return {}
        return {
            key: each and msgspec.structs.replace(each, verdict="busy")
            for key, each in found.items()
        }

    async def _stored(self, count: Spent) -> int:
        start_us, end_us = _bounds(count)
        return await self._store.spent(_where(count), start_us, end_us)

    async def _known(self, count: Spent, lying: Mapping[str, tuple[int, int]]) -> set[str]:
        """Return which of the lines the store has already."""
        times = [at for at, _ in lying.values()]
        known: set[str] = set()
        before: tuple[int, str] | None = None
        while True:
            page = await self._store.entries(
                min(times), max(times) + 1, _where(count), limit=PAGE, before=before
            )
            known.update(entry.id for entry in page if entry.id in lying)
            if len(page) < PAGE:
                return known
            before = (page[-1].at_us, page[-1].id)

    async def _put(self, place: str, subject: str) -> bool:
        """Begin all counts of one subject anew from the ledger."""
        held = [
            each for each in await self._ledger.counts() if _budget(each)[:2] == (place, subject)
        ]
        labels = [each.label for each in held if period_of(each.label)]
        where = entries_of(place, subject)
        if where is None or not labels:
            return False
        group = Group(place, [_counted(label) for label in labels], settles=True)
        for _ in range(REPAIRS):
            version = await self._ledger.version()
            now_us = self._clock.wall_us()
            bounds = [bounds_of(period_of(label) or "month", now_us) for label in labels]
            spent = [await self._store.spent(where, *each) for each in bounds]
            starts = [start_us for start_us, _ in bounds]
            if await self._ledger.put(group, subject, spent, starts, version, where):
                return True
            await self._clock.sleep(PAUSE_S)
        return False


def _counted(label: str) -> Limit:
    return Limit(label, Spending(EXACT, LENGTHS_US[period_of(label) or "month"]))


def _reconciled(count: Spent, stored: int, waiting: int, *, still: bool) -> Reconciled:
    same = count.spent == stored + waiting
    verdict: Verdict = "busy" if not still else "equal" if same else "different"
    return Reconciled(
        count.place, count.subject, count.label, count.start_us, count.spent, stored, waiting,
        verdict,
    )  # fmt: skip


def _budget(count: Spent) -> Budget:
    return count.place, count.subject, count.label


def _where(count: Spent) -> dict[str, str | None]:
    return entries_of(count.place, count.subject) or {}


def _bounds(count: Spent) -> tuple[int, int]:
    return bounds_of(period_of(count.label) or "month", count.start_us)


def _is_present(count: Spent, now_us: int) -> bool:
    """Say whether it is the count of a budget in the period that is now."""
    if period_of(count.label) is None or entries_of(count.place, count.subject) is None:
        return False
    start_us, end_us = _bounds(count)
    return start_us == count.start_us and start_us <= now_us < end_us
