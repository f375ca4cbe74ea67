from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from sluicegate.admin.budget_places import bounds_of
from sluicegate.admin.reconciling import Reconciliation
from sluicegate.settings import Settings
from sluicegate.store.migrate import migrate
from support.charged_calls import NANO, PLACE, Books
from support.loops import run
from support.mock_clock import MockClock
from support.stores import opened


def reconciling(
    folder: Path, work: Callable[[Books, Reconciliation], Awaitable[None]], *periods: Any
) -> None:
    """Run `work` with a ledger whose clock goes on by itself where somebody waits."""

    async def inner() -> None:
        settings = Settings(data_dir=str(folder))
        await migrate(settings)
        clock = PatientClock()
        async with opened(settings, clock) as store:
            books = Books(store.ledger, clock, periods or ("month",))
            await work(books, Reconciliation(books.ledger, store.ledger, clock))

    run(inner())


class PatientClock(MockClock):
    """Who sleeps wakes at once, and it is later."""

    async def sleep(self, delay_s: float) -> None:
        self.advance(delay_s)
        await asyncio.sleep(0)


def test_a_budget_is_what_store_and_state_have_of_it(tmp_path: Path) -> None:
    async def work(books: Books, reconciliation: Reconciliation) -> None:
        for name in ("acme", "beta"):
            books.begin(f"={name}")
            await books.call(name, 3 * NANO)
        await books.move()
        await books.call("acme", 2 * NANO)
        first, second = await reconciliation.compare()
        assert (first.subject, first.verdict, first.difference) == ("=acme", "equal", 0)
        assert (first.spent, first.stored, first.waiting) == (5 * NANO, 3 * NANO, 2 * NANO)
        assert (second.spent, second.stored, second.waiting) == (3 * NANO, 3 * NANO, 0)
        assert first.start_us == bounds_of("month", books.clock.wall_us())[0]

    reconciling(tmp_path, work)


def test_what_was_counted_wrongly_is_found_and_put_right(tmp_path: Path) -> None:
    async def work(books: Books, reconciliation: Reconciliation) -> None:
        books.begin("=acme")
        await books.call("acme", 3 * NANO)
        await books.move()
        await books.call("acme", 1 * NANO)
        books.begin("=acme")  # it is lost, and begins from nothing
        books.begin("=right")
        found = await reconciliation.compare()
        told = [(each.subject, each.label, each.verdict, each.difference) for each in found]
        assert told == [
            ("=acme", "spending-day", "different", -4 * NANO),
            ("=acme", "spending-month", "different", -4 * NANO),
            ("=right", "spending-day", "equal", 0),
            ("=right", "spending-month", "equal", 0),
        ]
        assert await reconciliation.repair(found[:2]) == found[:2]
        found = await reconciliation.compare()
        assert {each.verdict for each in found} == {"equal"}
        assert [each.spent for each in found] == [4 * NANO, 4 * NANO, 0, 0]

    reconciling(tmp_path, work, "day", "month")


def test_an_entry_that_is_on_its_way_counts_once(tmp_path: Path) -> None:
    async def work(books: Books, reconciliation: Reconciliation) -> None:
        books.begin("=acme")
        await books.call("acme", 3 * NANO)
        await books.call("acme", 4 * NANO)
        batch = await books.ledger.read("tests", 1)
        assert batch is not None
        await books.store.book([books.booked(line) for line in batch.lines])
        (found,) = await reconciliation.compare()
        assert (found.verdict, found.stored, found.waiting) == ("equal", 3 * NANO, 4 * NANO)

    reconciling(tmp_path, work)


def test_only_entries_of_the_budget_and_of_its_period_count(tmp_path: Path) -> None:
    async def work(books: Books, reconciliation: Reconciliation) -> None:
        old = books.entry(consumer="acme", cost=NANO, at_us=books.clock.wall_us() - 86400 * 10**6)
        other = books.entry(consumer="beta", cost=NANO)
        free = books.entry(consumer="acme", cost=None)
        await books.store.book([old, other, free])
        books.begin("=acme")
        await books.call("acme", 2 * NANO)
        (found,) = await reconciliation.compare()
        assert (found.verdict, found.spent) == ("equal", 2 * NANO)

    reconciling(tmp_path, work, "day")


def test_periods_that_are_over_are_charged_to_nobody(tmp_path: Path) -> None:
    async def work(books: Books, reconciliation: Reconciliation) -> None:
        books.begin("=acme")
        books.clock.advance(61)
        assert await reconciliation.compare() == []

    reconciling(tmp_path, work, "minute")


def test_calls_that_come_meanwhile_are_waited_for(tmp_path: Path) -> None:
    async def work(books: Books, _: Reconciliation) -> None:
        books.begin("=acme")
        looks = _Looks(books, 3)
        store: Any = looks
        found = await Reconciliation(books.ledger, store, books.clock).compare()
        assert [(each.verdict, each.difference) for each in found] == [("equal", 0)]
        assert looks.left == 0
        endless: Any = _Looks(books, 10**6)
        busy = await Reconciliation(books.ledger, endless, books.clock).compare()
        assert [each.verdict for each in busy] == ["busy"]

    reconciling(tmp_path, work)


class _Looks:
    """A store in whose questions a call comes between: charged, moved, or both."""

    def __init__(self, books: Books, count: int) -> None:
        self.books, self.left = books, count

    async def spent(self, *arguments: Any) -> int:
        found: int = await self.books.store.spent(*arguments)
        if self.left:
            self.left -= 1
            await self.books.call("acme", NANO)
            await self.books.move()
        return found

    async def entries(self, *arguments: Any, **more: Any) -> Any:
        return await self.books.store.entries(*arguments, **more)


def test_many_entries_on_their_way_are_read_in_pages(tmp_path: Path) -> None:
    async def work(books: Books, reconciliation: Reconciliation) -> None:
        books.begin("=acme")
        for _ in range(2100):
            await books.call("acme", 1)
        batch = await books.ledger.read("tests", 2050)
        assert batch is not None
        await books.store.book([books.booked(line) for line in batch.lines])
        (found,) = await reconciliation.compare()
        assert (found.verdict, found.stored, found.waiting) == ("equal", 2050, 50)

    reconciling(tmp_path, work)


def test_a_place_that_is_none_of_a_budget_is_not_put_right(tmp_path: Path) -> None:
    async def work(books: Books, reconciliation: Reconciliation) -> None:
        books.begin("=acme")
        (found,) = await reconciliation.compare()
        strange = msgspec.structs.replace(found, place="elsewhere")
        gone = msgspec.structs.replace(found, subject="=nobody", place=PLACE)
        assert await reconciliation.repair([strange, gone]) == []

    reconciling(tmp_path, work)


def test_a_budget_that_nobody_is_charged_for_now_is_no_difference(tmp_path: Path) -> None:
    async def work(books: Books, _: Reconciliation) -> None:
        other = "budget;other;consumer;gateway"
        for place in (PLACE, other):
            books.begin("=acme", place)
        await books.call("acme", 3 * NANO)
        for runs, verdict in (({PLACE}, "not_configured"), ({PLACE, other}, "different")):
            reconciliation = Reconciliation(books.ledger, books.store, books.clock, runs)
            first, second = await reconciliation.compare()
            assert (first.verdict, second.verdict) == ("equal", verdict)

    reconciling(tmp_path, work)


def test_lines_that_are_older_than_their_budget_count(tmp_path: Path) -> None:
    async def work(books: Books, reconciliation: Reconciliation) -> None:
        await books.call("acme", 3 * NANO, "budget;other;consumer;gateway")
        books.begin("=acme")
        (found,) = await reconciliation.compare()
        assert (found.verdict, found.waiting) == ("different", 3 * NANO)
        await reconciliation.repair([found])
        (found,) = await reconciliation.compare()
        assert (found.verdict, found.spent, found.waiting) == ("equal", 3 * NANO, 3 * NANO)

    reconciling(tmp_path, work)
