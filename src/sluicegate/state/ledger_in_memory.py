"""Management's side of the ledger of a process that keeps everything itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, cast

import msgspec

from sluicegate.model.ledger import Entry
from sluicegate.state.contract import EXACT, Ask, Counts, Group
from sluicegate.state.ledger import Batch, Line, Spent
from sluicegate.state.memory_ledger import SEPARATOR, name_of

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.state.ledger import Where
    from sluicegate.state.memory_ledger import MemoryLedger, Spends

MOVER_US: Final = 5_000_000
"""After which a mover that is not heard of has ended."""


class LedgerInMemory:
    """A `Ledger` over a `MemoryLedger`. Never away."""

    __slots__ = ("_clock", "_kept", "_mover", "_moves_until_us", "_moving", "_reading", "_version")

    def __init__(self, kept: MemoryLedger, clock: Clock) -> None:
        """Look after what is `kept`."""
        self._kept = kept
        self._clock = clock
        self._mover = ""
        self._moves_until_us = 0
        self._moving = False
        self._reading = 0
        self._version = 0

    async def start(self) -> None:
        """Do nothing: there is nobody to connect to."""

    def close(self) -> None:
        """Do nothing: what is kept is closed by whose it is."""

    async def read(self, mover: str, most: int) -> Batch | None:
        """Return what waits, to be moved by `mover`; None while another one moves."""
        now_us = self._clock.wall_us()
        if self._mover != mover and now_us < self._moves_until_us:
            return None
        self._mover, self._moves_until_us = mover, now_us + MOVER_US
        kept = self._kept
        ids = [*islice(kept.lines, most)]  # they are in their order
        if kept.alerts:
            ids = sorted((*ids, *islice(kept.alerts, most)), key=_number)[:most]
        batch = Batch(
            [kept.lines[each] for each in ids if each in kept.lines],
            [kept.alerts[each] for each in ids if each in kept.alerts],
            kept.totals.read(most - len(ids)) if len(ids) < most else [],
        )
        self._moving = bool(batch.lines or kept.totals.read(0))
        if batch.lines:
            self._reading = max(self._reading, _number(batch.lines[-1].id))
        return batch

    async def moved(self, mover: str, batch: Batch) -> None:
        """Delete what the store has now."""
        now_us = self._clock.wall_us()
        if self._mover != mover or now_us >= self._moves_until_us:
            return
        self._moves_until_us = now_us + MOVER_US
        for line in batch.lines:
            self._kept.lines.pop(line.id, None)
        for alert in batch.alerts:
            self._kept.alerts.pop(alert.id, None)
        for total in batch.totals:
            self._kept.totals.drop(msgspec.msgpack.decode(total, type=Entry).id)
        # The store may have what was read before, and not told here by who has ended since.
        oldest = next(iter(self._kept.lines), None)
        rest = oldest is not None and _number(oldest) <= self._reading
        if self._moving and not rest and not self._kept.totals.read(0):
            self._moving = False
            self._version += 1

    async def waiting(self) -> tuple[int, int]:
        """Return how many lines wait, and how many exchanges were only added up since ever."""
        return len(self._kept.lines) + len(self._kept.alerts), self._kept.totals.added

    async def version(self) -> int:
        """Return a number that is another one after each move."""
        return self._version

    async def seed(
        self, group: Group, subject: str, spent: Sequence[int], starts_us: Sequence[int],
        version: int, where: Where | None = None,
    ) -> bool:  # fmt: skip
        """Begin the counts of a budget that has none."""
        known = self._kept.counts_of(Ask(group, subject, 0))
        if None not in known:
            return True
        return self._begin(Ask(group, subject, 0), spent, starts_us, version, known, where)

    async def put(
        self, group: Group, subject: str, spent: Sequence[int], starts_us: Sequence[int],
        version: int, where: Where | None = None,
    ) -> bool:  # fmt: skip
        """Begin the counts of a budget, whatever it has."""
        known: list[Counts | None] = [None] * len(group.limits)
        return self._begin(Ask(group, subject, 0), spent, starts_us, version, known, where)

    async def sweep(self, most: int) -> int:
        """Charge reservations that nobody keeps any more."""
        return self._kept.sweep(most)

    async def counts(self) -> list[Spent]:
        """Return the counts of all budgets."""
        found: list[Spent] = []
        for name, budget in self._kept.budgets.items():
            place, _, subject = name.partition(SEPARATOR)
            for label, counts in budget.counts.items():
                start_us, spent, held = cast("tuple[int, int, int]", counts)
                found.append(Spent(place, subject, label, start_us, spent, held))
        return found

    async def forget(self, places: Collection[str]) -> None:
        """Drop the counts of all budgets at some places."""
        for name, budget in list(self._kept.budgets.items()):
            if name.partition(SEPARATOR)[0] in places:
                budget.drop()

    async def pending(self) -> list[Line]:
        """Return all lines that wait, and totals as lines of their minute."""
        return [*self._kept.lines.values(), *self._totals()]

    def _totals(self) -> list[Line]:
        return [
            Line(
                total.entry.id, total.entry.at_us, total.entry.cost, total.budgets,
                msgspec.msgpack.encode(total.entry),
            )
            for total in self._kept.totals.all()
        ]  # fmt: skip

    def _begin(
        self, ask: Ask, spent: Sequence[int], starts_us: Sequence[int], version: int,
        known: Sequence[Counts | None], where: Where | None,
    ) -> bool:  # fmt: skip
        """Keep counts where none are known; False where they cannot be exact."""
        now_us = self._clock.wall_us()
        if self._moving or version != self._version:
            return False
        for limit, start_us in zip(ask.group.limits, starts_us, strict=True):
            algorithm = cast("Spends", limit.algorithm)
            if algorithm.settled((start_us, 0, 0), now_us, 0, 1)[1] != 1:
                return False  # it is another period now
        name = name_of(ask)
        waiting = chain(self._kept.lines.values(), self._totals())
        lines = [
            (each.at_us or admitted_us, each.cost)
            for each in waiting
            if each.cost and (admitted_us := _admitted_us(each, name, where)) is not None
        ]
        held = [
            (each.admitted_us, max(0, cost))
            for each in self._kept.open.values()
            for own, cost in zip(each.asks, each.held, strict=True)
            if name_of(own) == name
        ]
        fresh = [
            counts or (start, min(EXACT, before + _since(start, lines)), _since(start, held))
            for counts, start, before in zip(known, starts_us, spent, strict=True)
        ]
        self._kept.keep(ask, fresh, now_us)
        return True


def _since(start_us: int, costs: Sequence[tuple[int, int]]) -> int:
    """Add up what was admitted from `start_us` on."""
    return sum(cost for at_us, cost in costs if at_us >= start_us)


def _admitted_us(line: Line, name: str, where: Where | None) -> int | None:
    """Return when a line was admitted by what its entry says, None where it is not a budget's.

    It is where it names it, or agrees with `where`.
    """
    if name in line.budgets:
        return line.at_us
    if where is None or any(
        value is not None and value.encode("utf-8", "surrogateescape") not in line.entry
        for value in where.values()
    ):
        return None  # most are seen to be others' without being read
    entry = msgspec.msgpack.decode(line.entry, type=Entry)
    if any(getattr(entry, field) != value for field, value in where.items()):
        return None
    return entry.at_us


def _number(item_id: str) -> int:
    """Return the number of an item, by which the oldest is first."""
    return int(item_id.partition("-")[0])
