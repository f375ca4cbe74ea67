"""Counts in dicts of this process: exact, for one worker, gone with it.

A key lives until its limits are as if never used; see `due`. There is one for each place and
subject, whatever number of limits a place has.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol, cast

from sluicegate.state.contract import (
    MOST_LINES,
    Ask,
    Block,
    Counts,
    Crew,
    Outcome,
    Verdict,
)
from sluicegate.state.due import Due
from sluicegate.state.entries import Entry, Holders
from sluicegate.state.marks import Marks
from sluicegate.state.memory_ledger import MemoryLedger, Reservation
from sluicegate.state.records import NOTHING, Record, Records
from sluicegate.state.wish import LEAST_US, Wish

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics

MOST_KEYS: Final = 2_000_000
"""About 1 GB. Past it, the key that would be forgotten first is forgotten early."""
Told = tuple[int, int, int]
"""What a region says of a limit: the start of its window, what it has taken and returned in it."""


class Lending(Protocol):
    """An algorithm that lends blocks; see `Leased`."""

    def lend(
        self, counts: Counts | None, now_us: int, want: int, block: str
    ) -> tuple[Block, Counts]:
        """Lend up to `want` units, and say what to keep then."""

    def take_back(
        self, counts: Counts | None, now_us: int, block: str, unspent: int
    ) -> Counts | None:
        """Give back what is left of a block, and say what to keep then."""


class Regional(Protocol):
    """An algorithm that counts what other regions say; see `RegionalWindow`."""

    def merge(
        self,
        counts: Counts | None,
        now_us: int,
        start_us: int,
        region: str,
        epoch: str,
        taken: int,
        returned: int,
    ) -> Counts:
        """Note what another region says."""

    def totals(self, counts: Counts | None, now_us: int) -> Told:
        """Return what to tell other regions."""


class MemoryState:
    """A `LimitState` in memory. `ledger` has its budgets and lines. `close()` stops its timers."""

    def __init__(
        self,
        clock: Clock,
        metrics: Metrics,
        *,
        most_keys: int = MOST_KEYS,
        most_lines: int = MOST_LINES,
    ) -> None:
        """Start empty, with no timer running."""
        self.ledger = MemoryLedger(clock, most_lines)
        self._clock = clock
        self._metrics = metrics
        self._most_keys = most_keys
        self._places: dict[str, dict[str, Entry]] = {}
        self._holders: dict[str, dict[str, Holders]] = {}
        self._due = Due(clock)
        self._records = Records()
        self._marks = Marks()
        self._told = 0
        self.epoch = secrets.token_hex(8)
        self._keys = metrics.family(
            "sluicegate_state_keys", "gauge", "Subjects of limits that are kept in memory."
        ).cell()
        self._evicted = metrics.family(
            "sluicegate_state_evicted_total",
            "counter",
            "Subjects of limits that were forgotten early, because memory keeps no more of them.",
        ).cell()
        metrics.at_scrape(self._tell)

    @property
    def several(self) -> bool:
        """Return False: everything is in one place."""
        return False

    def __len__(self) -> int:
        """Count the keys that are kept."""
        return len(self._due)

    async def take(
        self, asks: Sequence[Ask], ticket: str = "", entry: bytes = b"", life_ms: int = 0
    ) -> Verdict:
        """Take everything, or nothing. Never waits."""
        if len(asks) == 1:
            group = asks[0].group
            plain = not group.settles and not group.slots and not group.spends
            if plain and len(group.limits) == 1:
                return self._take_one(asks[0])
        return self._take_all(asks, ticket, entry, life_ms)

    async def settle(
        self,
        asks: Sequence[Ask],
        ticket: str,
        costs: Sequence[int],
        entry: bytes = b"",
        cost: int | None = None,
    ) -> None:
        """Say what the taken asks cost in the end (one for each ask), and free their slots."""
        self.ledger.settle(asks, ticket, entry, cost)
        now_us = self._clock.wall_us()
        record = self._records.pop(ticket)
        for index, ask in enumerate(asks):
            if ask.group.slots:
                holders = self._holders_of(ask)
                if holders is not None:
                    holders.free(ticket)
            elif ask.group.spends:
                continue
            elif record is not None and record.costs[index] != NOTHING:
                change = costs[index] - record.costs[index]
                if change:
                    self._adjust(ask, now_us, record.taken_us, change)

    async def append(self, lines: Sequence[tuple[int | None, bytes]]) -> None:
        """Write lines of the ledger that no budget is charged with."""
        for cost, entry in lines:
            self.ledger.write(0, cost, (), entry)

    async def refresh(self, held: Sequence[tuple[Ask, str]]) -> None:
        """Keep slots and reservations from expiring. A slot that has expired is held again."""
        now_us = self._clock.wall_us()
        for ask, ticket in held:
            if ask.group.spends:
                self.ledger.refresh(ticket, now_us)
            else:
                self._hold(ask, ticket, now_us)

    async def lend(self, ask: Ask, wants: Sequence[int], block: str) -> list[Block]:
        """Lend up to `wants` units of each limit of a group whose algorithms are `Leased`."""
        now_us = self._clock.wall_us()
        fresh: list[Counts] = []
        blocks: list[Block] = []
        life_us = LEAST_US
        before = self._counts_of(ask, now_us)
        for limit, counts, want in zip(ask.group.limits, before, wants, strict=True):
            lender = cast("Lending", limit.algorithm)
            lent, after = lender.lend(counts, now_us, want, block)
            blocks.append(lent)
            fresh.append(after)
            life_us = max(life_us, lent.outcome.reset_us, lent.ends_us)
        if any(lent.granted for lent in blocks):
            self._keep(ask, fresh, now_us, now_us + life_us)
        return blocks

    async def give_back(self, ask: Ask, block: str, unspent: Sequence[int]) -> None:
        """Give back what is left of a block. Too late, or a second time, it changes nothing."""
        now_us = self._clock.wall_us()
        entry = self._entry_of(ask, now_us)
        if entry is None:
            return
        for index, limit in enumerate(ask.group.limits):
            lender = cast("Lending", limit.algorithm)
            entry.counts[index] = lender.take_back(
                entry.counts[index], now_us, block, unspent[index]
            )

    async def merge(self, ask: Ask, region: str, epoch: str, told: Sequence[Told]) -> None:
        """Note what another region says of each limit of a group that are `RegionalWindow`s."""
        if epoch == self.epoch:
            return  # our own word
        now_us = self._clock.wall_us()
        before = self._counts_of(ask, now_us)
        fresh = [
            cast("Regional", limit.algorithm).merge(counts, now_us, start, region, epoch, *totals)
            for limit, counts, (start, *totals) in zip(ask.group.limits, before, told, strict=True)
        ]
        self._keep_changed(ask, fresh, now_us)

    async def totals(self, ask: Ask) -> list[Told]:
        """Return what to tell other regions of each limit, together with `epoch`."""
        now_us = self._clock.wall_us()
        before = self._counts_of(ask, now_us)
        return [
            cast("Regional", limit.algorithm).totals(counts, now_us)
            for limit, counts in zip(ask.group.limits, before, strict=True)
        ]

    async def present(self, worker: str) -> Crew:  # noqa: ARG002 - there is no other
        """Return a crew of one."""
        return Crew(1, 0)

    async def mark(self, lives_ms: Mapping[str, int]) -> None:
        """Leave marks. Never waits."""
        self._marks.mark(lives_ms, self._clock.wall_us())

    async def marks(self, names: Sequence[str]) -> list[int]:
        """Return for how many more milliseconds each mark lives."""
        return self._marks.left_ms(names, self._clock.wall_us())

    def close(self) -> None:
        """Stop sweeping."""
        self._due.close()
        self.ledger.close()
        self._tell()
        self._metrics.forget_at_scrape(self._tell)

    # --- taking ----------

    def _take_one(self, ask: Ask) -> Verdict:
        """Take from a group of one limit: what most requests do."""
        now_us = self._clock.wall_us()
        group = ask.group
        entry = self._entry_of(ask, now_us)
        before = None if entry is None else entry.counts[0]
        outcome, counts = group.limits[0].algorithm.decide(before, now_us, ask.cost)
        if outcome.admitted:
            due_us = now_us + max(LEAST_US, outcome.reset_us)
            if entry is None:
                self._keep(ask, [counts], now_us, due_us)
            else:
                entry.keep([counts], due_us)
        return Verdict(outcome.admitted or group.shadow, [outcome])

    def _take_all(self, asks: Sequence[Ask], ticket: str, entry: bytes, life_ms: int) -> Verdict:
        begun_us = self._clock.wall_us()
        now_us = self.ledger.admitted_us(asks, begun_us)
        wishes: list[Wish] = []
        admitted = True
        for ask in asks:
            wish = Wish(ask, self._before(ask, ticket, wishes, now_us), now_us)
            wishes.append(wish)
            if not wish.fits and not ask.group.shadow:
                admitted = False
        outcomes: list[Outcome] = []
        costs: list[int] = []
        settles = False
        for wish in wishes:
            group = wish.ask.group
            settles = settles or (group.settles and not group.spends)
            if admitted and wish.fits:
                self._charge(wish, ticket, now_us)
                costs.append(wish.ask.cost)
            else:
                wish.untaken(now_us)
                costs.append(NOTHING)
            outcomes.extend(wish.outcomes)
        if admitted and settles and ticket:
            self._records.add(ticket, Record(now_us, costs))
        if admitted and ticket:
            self._reserve(asks, costs, ticket, Reservation(now_us, entry, life_ms * 1000, begun_us))
        return Verdict(admitted, outcomes)

    def _before(
        self, ask: Ask, ticket: str, wishes: list[Wish], now_us: int
    ) -> Sequence[Counts | None]:
        """Return the counts that hold for an ask, with what the same request has asked already."""
        group = ask.group
        if group.slots:
            holders = self._holders_of(ask)
            held = 0 if holders is None else holders.held(now_us)
            if holders is not None and holders.holds(ticket):
                held -= 1
            return [(held,)]
        for wish in reversed(wishes):
            other = wish.ask
            if wish.fits and other.group.place == group.place and other.subject == ask.subject:
                known = {
                    limit.label: counts
                    for limit, counts in zip(other.group.limits, wish.fresh, strict=True)
                }
                stored = self._counts_of(ask, now_us)
                return [
                    known.get(limit.label, counts)
                    for limit, counts in zip(group.limits, stored, strict=True)
                ]
        return self._counts_of(ask, now_us)

    def _reserve(
        self, asks: Sequence[Ask], costs: list[int], ticket: str, reservation: Reservation
    ) -> None:
        """Note what is held of budgets, where there are any."""
        for ask, cost in zip(asks, costs, strict=True):
            if ask.group.spends:
                reservation.asks.append(ask)
                reservation.held.append(cost)
        if reservation.asks:
            reservation.due_us += reservation.life_us
            self.ledger.reserve(ticket, reservation)

    def _charge(self, wish: Wish, ticket: str, now_us: int) -> None:
        if wish.ask.group.spends:
            if ticket:  # else there is nothing to settle it by
                self.ledger.keep(wish.ask, wish.fresh, now_us)
        elif wish.ask.group.slots:
            if wish.ask.cost:
                self._hold(wish.ask, ticket, now_us)
        else:
            self._keep(wish.ask, wish.fresh, now_us, now_us + wish.life_us)

    def _adjust(self, ask: Ask, now_us: int, taken_us: int, change: int) -> None:
        before = self._counts_of(ask, now_us)
        fresh = [
            limit.algorithm.adjust(counts, now_us, taken_us, change)
            for limit, counts in zip(ask.group.limits, before, strict=True)
        ]
        self._keep_changed(ask, fresh, now_us)

    # --- keeping ----------

    def _entry_of(self, ask: Ask, now_us: int) -> Entry | None:
        """Return the entry with counts in the order of the group's limits, if there is one."""
        group = ask.group
        home = self._places.get(group.place)
        if home is None:
            return None
        entry = home.get(ask.subject)
        if entry is not None and entry.limits is not group.limits:
            entry.adopt(group.limits, now_us)
        return entry

    def _counts_of(self, ask: Ask, now_us: int) -> Sequence[Counts | None]:
        if ask.group.spends:
            return self.ledger.counts_of(ask)
        entry = self._entry_of(ask, now_us)
        nothing: list[Counts | None] = [None] * len(ask.group.limits)
        return nothing if entry is None else entry.counts

    def _keep(self, ask: Ask, fresh: Sequence[Counts], now_us: int, due_us: int) -> None:
        entry = self._entry_of(ask, now_us)
        if entry is None:
            self._make_room()
            home = self._places.setdefault(ask.group.place, {})
            entry = Entry(home, ask.subject, ask.group.limits, due_us)
            self._due.add(entry)
        entry.keep(fresh, due_us)

    def _keep_changed(self, ask: Ask, fresh: Sequence[Counts], now_us: int) -> None:
        """Keep counts that were not decided on, for as long as they say."""
        life_us = LEAST_US
        for limit, counts in zip(ask.group.limits, fresh, strict=True):
            life_us = max(life_us, limit.algorithm.decide(counts, now_us, 0)[0].reset_us)
        self._keep(ask, fresh, now_us, now_us + life_us)

    def _holders_of(self, ask: Ask) -> Holders | None:
        home = self._holders.get(ask.group.place)
        return None if home is None else home.get(ask.subject)

    def _hold(self, ask: Ask, ticket: str, now_us: int) -> None:
        expiry_us = cast("int", ask.group.limits[0].algorithm.numbers[1])
        holders = self._holders_of(ask)
        if holders is None:
            self._make_room()
            home = self._holders.setdefault(ask.group.place, {})
            holders = Holders(home, ask.subject, now_us + expiry_us)
            self._due.add(holders)
        holders.hold(ticket, now_us + expiry_us)

    def _make_room(self) -> None:
        if len(self._due) >= self._most_keys:
            self._due.drop_first()
            self._evicted.value += 1

    def _tell(self) -> None:
        """Set the gauge, to which every state of this process adds."""
        size = len(self._due)
        self._keys.value += size - self._told
        self._told = size
