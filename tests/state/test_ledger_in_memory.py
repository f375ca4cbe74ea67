"""Management's side of the ledger in memory. What all ledgers do is in `tests/contracts`."""

from __future__ import annotations

import msgspec
import pytest

from sluicegate.journey.limit.algorithms.spending import Spending
from sluicegate.metrics import Metrics
from sluicegate.model.ledger import Entry
from sluicegate.state.contract import Ask, Group, Limit
from sluicegate.state.ledger_in_memory import LedgerInMemory
from sluicegate.state.memory import MemoryState
from support.lua_form import run
from support.mock_clock import MockClock

MINUTE_US = 60_000_000
START_US = 1_700_000_040_000_000
GROUP = Group("budget;", [Limit("spending-minute", Spending(100, MINUTE_US, (50,)))], settles=True)


@pytest.fixture
def clock() -> MockClock:
    return MockClock(START_US)


@pytest.fixture
def state(clock: MockClock) -> MemoryState:
    return MemoryState(clock, Metrics())


@pytest.fixture
def ledger(state: MemoryState, clock: MockClock) -> LedgerInMemory:
    return LedgerInMemory(state.ledger, clock)


def write(state: MemoryState, *names: str) -> None:
    run(state.append([(1, msgspec.msgpack.encode(Entry(id=name))) for name in names]))


def test_a_mover_that_is_not_heard_of_for_5_s_has_ended(
    state: MemoryState, ledger: LedgerInMemory, clock: MockClock
) -> None:
    write(state, "a")
    batch = run(ledger.read("one", 10))
    assert batch is not None
    clock.advance(4.9)
    assert run(ledger.read("two", 10)) is None
    clock.advance(0.1)
    run(ledger.moved("one", batch))
    assert run(ledger.waiting()) == (1, 0)
    assert run(ledger.read("two", 10)) == batch
    assert run(ledger.read("one", 10)) is None


def test_lines_and_alerts_come_in_the_order_in_which_they_were_written(
    state: MemoryState, ledger: LedgerInMemory
) -> None:
    assert run(ledger.seed(GROUP, "ada", [0], [START_US], 0))
    ask = Ask(GROUP, "ada", 50)
    write(state, *(f"before-{n}" for n in range(9)))
    run(state.take([ask], "t", b"", 1000))
    run(state.settle([ask], "t", [50], msgspec.msgpack.encode(Entry(id="t")), 50))
    write(state, "after")
    first = run(ledger.read("one", 11))
    assert first is not None
    assert len(first.lines) == 10
    assert [alert.percent for alert in first.alerts] == [50]
    run(ledger.moved("one", first))
    rest = run(ledger.read("one", 11))
    assert rest is not None
    assert [msgspec.msgpack.decode(line.entry)[0] for line in rest.lines] == ["after"]
    assert rest.alerts == []


def test_nothing_is_begun_for_a_period_that_has_ended(
    ledger: LedgerInMemory, clock: MockClock
) -> None:
    clock.advance(60)
    assert not run(ledger.seed(GROUP, "ada", [7], [START_US], 0))
    assert run(ledger.seed(GROUP, "ada", [7], [START_US + MINUTE_US], 0))
    assert [(each.start_us, each.spent) for each in run(ledger.counts())] == [
        (START_US + MINUTE_US, 7)
    ]


def test_what_waits_of_a_period_before_is_not_added(
    state: MemoryState, ledger: LedgerInMemory, clock: MockClock
) -> None:
    assert run(ledger.seed(GROUP, "ada", [0], [START_US], 0))
    for ticket in ("settled", "open"):
        run(state.take([Ask(GROUP, "ada", 5)], ticket, b"", 3_600_000))
    run(state.settle([Ask(GROUP, "ada")], "settled", [5], msgspec.msgpack.encode(Entry(id="s")), 5))
    clock.advance(60)
    assert run(ledger.put(GROUP, "ada", [0], [START_US + MINUTE_US], 0))
    assert [(each.spent, each.held) for each in run(ledger.counts())] == [(0, 0)]
