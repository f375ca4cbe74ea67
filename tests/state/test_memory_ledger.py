"""What is of memory alone; what all states do is in `tests/contracts/test_budgets.py`."""

from __future__ import annotations

import msgspec

from sluicegate.journey.limit.algorithms.spending import Spending
from sluicegate.model.ledger import Entry
from sluicegate.state.contract import Ask, Group, Limit
from sluicegate.state.memory_ledger import (
    SETTLED_US,
    SWEPT_US,
    MemoryLedger,
    Reservation,
    name_of,
)
from support.mock_clock import MockClock

SECOND = 1_000_000
HOUR = 3600 * SECOND
START = 1_700_002_800_000_000  # a full hour
GROUP = Group("budget;;consumer", [Limit("spending-hour", Spending(100, HOUR))], settles=True)
ADA = Ask(GROUP, "ada", 10)
ENTRY = msgspec.msgpack.encode(Entry(id="t", at_us=START))


def reserved(ledger: MemoryLedger, ticket: str, life_us: int = SECOND) -> None:
    reservation = Reservation(START, ENTRY, life_us, START + life_us)
    reservation.asks.append(ADA)
    reservation.held.append(10)
    ledger.reserve(ticket, reservation)


def test_counts_end_with_the_next_period_and_leave_no_timer() -> None:
    clock = MockClock(START)
    ledger = MemoryLedger(clock)
    ledger.keep(ADA, [(START, 5, 0)], START)
    clock.advance(2 * 3600 - 1)
    assert ledger.counts_of(ADA) == [(START, 5, 0)]
    clock.advance(3)
    assert ledger.counts_of(ADA) == [None]
    assert name_of(ADA) not in ledger.budgets
    ledger.close()


def test_a_repeated_settlement_is_known_for_a_minute_and_one_after_a_sweep_for_a_day() -> None:
    clock = MockClock(START)
    ledger = MemoryLedger(clock)
    reserved(ledger, "settled")
    ledger.settle([ADA], "settled", ENTRY, 3)
    reserved(ledger, "swept", 0)
    assert ledger.sweep(10) == 1
    for wall_us, lines in ((START + SETTLED_US - 1, 2), (START + SETTLED_US, 3)):
        clock.set_wall_us(wall_us)
        ledger.settle([ADA], "settled", ENTRY, 3)
        ledger.settle([ADA], "swept", ENTRY, 3)
        assert len(ledger.lines) == lines
    clock.set_wall_us(START + SWEPT_US)
    ledger.settle([ADA], "swept", ENTRY, 3)
    assert len(ledger.lines) == 4


def test_what_is_known_of_settled_tickets_does_not_grow() -> None:
    clock = MockClock(START)
    ledger = MemoryLedger(clock)
    for number in range(200):
        reserved(ledger, f"{number}")
        ledger.settle([ADA], f"{number}", ENTRY, 3)
        clock.advance(1)
    assert len(ledger._settled) <= 61


def test_a_sweep_takes_no_more_than_it_is_told_to() -> None:
    ledger = MemoryLedger(MockClock(START + HOUR))
    for number in range(5):
        reserved(ledger, f"{number}")
    assert [ledger.sweep(3), ledger.sweep(3), ledger.sweep(3)] == [3, 2, 0]
    assert [line.unsettled for line in ledger.lines.values()] == [True] * 5


def test_items_are_numbered_in_the_order_in_which_they_came() -> None:
    ledger = MemoryLedger(MockClock(START))
    for cost in range(12):
        ledger.write(0, cost, (), ENTRY)
    assert [line.cost for line in ledger.lines.values()] == list(range(12))
    assert list(ledger.lines)[:2] == ["1-0", "2-0"]
