"""Budgets count the same in memory and in Lua, and their counts are sums over lines of the ledger.

Histories are takes, settlements, sweeps, refreshes and the clock in any order, as a property test
makes them up, on both with the same times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.leased import Leased
from sluicegate.journey.limit.algorithms.period import MONTH, period_at
from sluicegate.journey.limit.algorithms.spending import Spending
from sluicegate.model.ledger import Entry
from sluicegate.state.contract import EXACT, NEVER, UNKNOWN, Ask, Counts, Group, Limit
from sluicegate.state.memory_ledger import name_of
from support.effort import THOROUGH
from support.lua_form import START, Both, LuaForm
from support.valkey import Valkey

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
MORE = settings(max_examples=400 if THOROUGH else 40)

HARD = Group(
    "budget;;consumer;gateway",
    [
        Limit("spending-minute", Spending(100, MINUTE, (50, 80, 100))),
        Limit("spending-month", Spending(250, MONTH, (33,))),
    ],
    settles=True,
)
SOFT = Group(
    "budget;soft;team;gateway",
    [Limit("spending-month", Spending(60, MONTH, (100,)))],
    settles=True,
    shadow=True,
)
RATE = Group("rate", [Limit("fixed-60", FixedWindow(500, MINUTE))], settles=True)
ROUTE = Group("budget;;route;gateway", [Limit("spending-day", Spending(150, DAY))], settles=True)
BUDGETS = [HARD, SOFT, ROUTE]


@pytest.fixture(scope="module")
def form(shared_valkey: Valkey) -> Iterator[Callable[..., LuaForm]]:
    """Return `form(most_lines=…) -> LuaForm`, with keys of its own."""
    with shared_valkey.client() as client:
        known: dict[str, str] = {}
        yield lambda most_lines=1000: LuaForm(client, known, most_lines)


def entry(ticket: str, at_us: int) -> bytes:
    return msgspec.msgpack.encode(Entry(id=ticket, at_us=at_us, consumer="ada"))


def begun(lua: LuaForm) -> Both:
    """Return both, with counts of all budgets."""
    both = Both(lua)
    for group in BUDGETS:
        both.begin(group, "ada")
    return both


def counts(both: Both, group: Group) -> dict[str, Counts]:
    return both.memory.ledger.budgets[name_of(Ask(group, "ada"))].counts


def totals(lua: LuaForm) -> dict[str, Entry]:
    """Return what was added up, by id."""
    keys = [lua.ledger, f"{lua.ledger}lines"]
    reply = lua.call("ledger_totals", keys, START, "over", 0)
    entries = [msgspec.msgpack.decode(each, type=Entry) for each in reply[1::2]]
    return {each.id: each for each in entries}


# --- one after the other ----------


def test_what_is_held_becomes_what_was_spent_and_a_line(form: Callable[..., LuaForm]) -> None:
    both = begun(form())
    asks = [Ask(ROUTE, "ada", 100)]
    assert both.take(asks, "t1", entry("t1", 0), 60_000).outcomes[0].remaining == 50
    day = START - START % DAY
    assert counts(both, ROUTE) == {"spending-day": (day, 0, 100)}
    refused = both.take(asks, "t2", entry("t2", 0), 60_000)
    assert (refused.admitted, refused.outcomes[0].retry_after_us) == (False, SECOND)
    both.settle(asks, "t1", [30], entry("t1", 0), 30)
    both.settle(asks, "t1", [30], entry("t1", 0), 30)  # which may be repeated
    assert counts(both, ROUTE) == {"spending-day": (day, 30, 0)}
    assert [
        (line.at_us, line.cost, line.budgets) for line in both.memory.ledger.lines.values()
    ] == [(START, 30, ("budget;;route;gateway\x1fada",))]
    both.compare_ledger()


def test_counts_that_are_not_there_refuse_and_a_period_before_is_nothing_spent(
    form: Callable[..., LuaForm],
) -> None:
    both = Both(form())
    asks = [Ask(ROUTE, "ada", 100)]
    refused = both.take(asks, "t1")
    assert (refused.admitted, refused.outcomes[0].retry_after_us) == (False, UNKNOWN)
    assert both.take([Ask(SOFT, "ada", 1)], "t1").outcomes[0].retry_after_us == UNKNOWN
    both.begin(ROUTE, "ada", 140)
    assert both.take(asks, "t1").outcomes[0].retry_after_us > SECOND
    assert both.take([Ask(ROUTE, "ada", 151)], "t1").outcomes[0].retry_after_us == NEVER
    both.pause(3 * DAY)
    assert both.take(asks, "t1").admitted


def test_a_label_that_is_not_there_is_not_known_and_the_others_stay(
    form: Callable[..., LuaForm],
) -> None:
    both = begun(form())
    grown = Group(ROUTE.place, [*ROUTE.limits, Limit("spending-hour", Spending(9, 3600 * SECOND))])
    both.take([Ask(ROUTE, "ada", 10)], "t1", entry("t1", 0), 1000)
    assert not both.take([Ask(grown, "ada", 1)], "t2").admitted
    both.settle([Ask(grown, "ada", 1)], "t1", [7], entry("t1", 0), 7)
    assert counts(both, grown) == {"spending-day": (START - START % DAY, 7, 0)}


def test_a_budget_is_only_looked_at_without_a_ticket(form: Callable[..., LuaForm]) -> None:
    both = begun(form())
    assert both.take([Ask(ROUTE, "ada", 100)]).admitted
    assert both.take([Ask(ROUTE, "ada", 0)]).outcomes[0].remaining == 150


def test_what_is_given_back_leaves_nothing(form: Callable[..., LuaForm]) -> None:
    both = begun(form())
    asks = [Ask(ROUTE, "ada", 100), Ask(RATE, "ada", 5)]
    both.take(asks, "t1", entry("t1", 0), 60_000)
    both.settle(asks, "t1", [100, 0])  # nothing is spent that is not on a line
    both.settle(asks, "t1", [100, 0])
    assert both.take([Ask(ROUTE, "ada", 150)]).admitted
    assert not both.memory.ledger.lines
    both.compare_ledger()


def test_a_settlement_goes_to_the_period_in_which_it_was_admitted(
    form: Callable[..., LuaForm],
) -> None:
    both = begun(form())
    asks = [Ask(HARD, "ada", 40)]
    both.take(asks, "t1", entry("t1", 0), 60_000)
    both.pause(2 * MINUTE)
    both.take(asks, "t2", entry("t2", 0), 60_000)
    both.settle(asks, "t1", [90], entry("t1", 0), 90)
    now = both.now_us
    assert counts(both, HARD) == {
        "spending-minute": (now - now % MINUTE, 0, 40),
        "spending-month": (period_at(now, MONTH)[0], 90, 40),
    }
    assert next(iter(both.memory.ledger.lines.values())).at_us == START
    both.compare_ledger()


def test_a_clock_that_was_set_back_admits_in_the_later_period(form: Callable[..., LuaForm]) -> None:
    both = begun(form())
    later = START - START % MINUTE + MINUTE
    both.clock.set_wall_us(later)
    both.take([Ask(HARD, "ada", 10)], "t1", entry("t1", 0), 60_000)
    both.clock.set_wall_us(later - 5 * SECOND)
    asks = [Ask(SOFT, "ada", 10), Ask(HARD, "ada", 10)]
    both.take(asks, "t2", entry("t2", 0), 60_000)
    both.settle(asks, "t2", [4, 4], entry("t2", 0), 4)
    assert counts(both, HARD)["spending-minute"] == (later, 4, 10)
    assert [line.at_us for line in both.memory.ledger.lines.values()] == [later]
    both.compare_ledger()


def test_a_lost_ticket_is_charged_by_what_its_entry_says(form: Callable[..., LuaForm]) -> None:
    both = begun(form())
    asks = [Ask(HARD, "ada", 40)]
    both.settle(asks, "lost", [40])  # without an entry there is nothing to be known
    assert counts(both, HARD)["spending-month"][1] == 0
    both.settle(asks, "lost", [40], entry("lost", START - MINUTE), 40)
    both.settle(asks, "lost", [40], entry("lost", START - MINUTE), 40)
    assert counts(both, HARD)["spending-minute"][1] == 0
    assert counts(both, HARD)["spending-month"][1] == 40
    both.settle([Ask(SOFT, "bob", 1)], "other", [40], entry("other", START), 40)  # nobody's counts
    assert [line.at_us for line in both.memory.ledger.lines.values()] == [START - MINUTE, START]
    both.compare_ledger()


def test_an_unknown_cost_is_written_as_such_and_charges_nothing(
    form: Callable[..., LuaForm],
) -> None:
    both = begun(form())
    asks = [Ask(ROUTE, "ada", 40)]
    both.take(asks, "t1", entry("t1", 0), 60_000)
    both.settle(asks, "t1", [40], entry("t1", 0), None)
    assert counts(both, ROUTE)["spending-day"][1:] == (0, 0)
    both.append([(None, entry("t2", 0)), (5, entry("t3", 0))])
    assert [line.cost for line in both.memory.ledger.lines.values()] == [None, None, 5]
    both.compare_ledger()


def test_what_nobody_settles_is_swept_and_settles_nothing_afterwards(
    form: Callable[..., LuaForm],
) -> None:
    both = begun(form())
    asks = [Ask(ROUTE, "ada", 40), Ask(SOFT, "ada", 70)]  # the soft one does not fit
    both.take(asks, "t1", entry("t1", 0), 60_000)
    both.pause(MINUTE - 1)
    both.refresh([(asks[0], "t1"), (asks[1], "t1"), (asks[0], "unknown")])
    both.pause(MINUTE - 1)
    assert both.sweep() == 0
    both.pause(1)
    assert both.sweep() == 1
    assert both.sweep() == 0
    both.settle(asks, "t1", [5, 5], entry("t1", 0), 5)
    both.refresh([(asks[0], "t1")])
    assert counts(both, ROUTE)["spending-day"][1:] == (40, 0)
    assert counts(both, SOFT)["spending-month"][1:] == (40, 0)
    line = next(iter(both.memory.ledger.lines.values()))
    assert (line.unsettled, line.cost, len(line.budgets)) == (True, 40, 2)
    both.compare_ledger()


def test_a_soft_budget_counts_what_it_would_have_refused(form: Callable[..., LuaForm]) -> None:
    both = begun(form())
    asks = [Ask(SOFT, "ada", 50)]
    for number in range(3):
        verdict = both.take(asks, f"{number}", entry(f"{number}", 0), 1000)
        assert verdict.admitted
        assert verdict.outcomes[0].admitted == (number == 0)
    for number in range(3):
        both.settle(asks, f"{number}", [50], entry(f"{number}", 0), 50)
    assert counts(both, SOFT)["spending-month"][1:] == (150, 0)


def test_each_threshold_is_told_of_once_in_a_period(form: Callable[..., LuaForm]) -> None:
    both = begun(form())
    for number, cost in enumerate((49, 1, 45, 5, 60)):
        asks = [Ask(HARD, "ada", 0)]
        both.take(asks, f"{number}", entry(f"{number}", 0), 1000)
        both.settle(asks, f"{number}", [cost], entry(f"{number}", 0), cost)
    told = [(each.label, each.percent, each.spent) for each in both.memory.ledger.alerts.values()]
    assert told == [
        ("spending-minute", 50, 50),
        ("spending-minute", 80, 95),
        ("spending-month", 33, 95),
        ("spending-minute", 100, 100),
    ]
    both.compare_ledger()


def test_lines_beyond_those_that_may_wait_are_added_up(form: Callable[..., LuaForm]) -> None:
    both = begun(form(2))
    asks = [Ask(ROUTE, "ada", 1)]
    for number in range(5):
        both.take(asks, f"{number}", entry(f"{number}", 0), 1000)
        both.settle(asks, f"{number}", [1], entry(f"{number}", 0), 1)
    both.append([(7, entry("alone", START))])
    assert len(both.memory.ledger.lines) == 2
    assert counts(both, ROUTE)["spending-day"][1:] == (5, 0)
    both.compare_ledger()
    memory = {total.entry.id: total.entry for total in both.memory.ledger.totals.all()}
    assert totals(both.form) == memory
    assert [each.requests for each in memory.values()] == [3, 1]


def test_a_budget_may_be_charged_that_nothing_was_held_of(form: Callable[..., LuaForm]) -> None:
    both = begun(form())
    both.take([Ask(ROUTE, "ada", 40)], "t1", entry("t1", 0), 60_000)
    asks = [Ask(SOFT, "ada", 9), Ask(HARD, "bob", 9), Ask(ROUTE, "ada", 40)]
    both.settle(asks, "t1", [20, 20, 20], entry("t1", 0), 20)
    assert counts(both, ROUTE)["spending-day"][1:] == (20, 0)
    assert counts(both, SOFT)["spending-month"][1:] == (20, 0)
    assert len(next(iter(both.memory.ledger.lines.values())).budgets) == 3
    both.compare_ledger()


def test_two_policies_with_one_budget_spend_it_once(form: Callable[..., LuaForm]) -> None:
    both = begun(form())
    asks = [Ask(ROUTE, "ada", 40), Ask(ROUTE, "ada", 30)]
    both.take(asks, "t1", entry("t1", 0), 60_000)
    assert counts(both, ROUTE)["spending-day"][1:] == (0, 70)
    both.settle(asks, "t1", [20, 20], entry("t1", 0), 20)
    assert counts(both, ROUTE)["spending-day"][1:] == (20, 0)
    both.compare_ledger()


def test_counts_live_to_the_end_of_the_next_period(form: Callable[..., LuaForm]) -> None:
    both = begun(form())
    asks = [Ask(HARD, "ada", 1)]
    both.take(asks, "t1", entry("t1", 0), 60_000)
    ends = period_at(period_at(START, MONTH)[1], MONTH)[1]
    key = both.form.key(HARD, "ada")
    left_ms = (ends - START) // 1000
    assert left_ms - 60_000 < both.form.client.pttl(key) <= left_ms + 1
    both.settle(asks, "t1", [1], entry("t1", 0), 1)
    assert left_ms - 60_000 < both.form.client.pttl(key) <= left_ms + 1
    both.clock.set_wall_us(ends - SECOND)
    assert both.memory.ledger.counts_of(asks[0])[1] is not None
    both.clock.advance(3)
    assert not [name for name in both.memory.ledger.budgets if name == name_of(asks[0])]


# --- in any order ----------

ACTIONS = st.sampled_from(["take", "take", "take", "settle", "settle", "sweep", "refresh", "undo"])
PAUSES = (
    st.integers(0, 1000)
    | st.integers(-90 * SECOND, 0)
    | st.integers(0, 70 * SECOND)
    | st.integers(0, 40 * DAY)
)
STEPS = st.lists(
    st.tuples(PAUSES, ACTIONS, st.integers(0, 120), st.integers(0, 5), st.integers(1, 7)),
    max_size=25,
)


def asks_of(which: int, cost: int) -> list[Ask]:
    """Return asks of some budgets, by the bits of a number, and of a plain limit."""
    groups = [group for bit, group in enumerate(BUDGETS) if which >> bit & 1]
    return [Ask(group, "ada", cost) for group in groups] + [Ask(RATE, "ada", cost)]


def still_known(both: Both, ticket: str, asks: list[Ask]) -> list[Ask]:
    """Return what is settled of a ticket: after an hour plain limits have forgotten it.

    Memory's hour is that of the test, and Valkey's is a real one.
    """
    reservation = both.memory.ledger.open.get(ticket)
    if reservation is None or abs(both.now_us - reservation.admitted_us) > 1800 * SECOND:
        return [ask for ask in asks if ask.group.spends]
    return asks


def check_sums(both: Both) -> None:
    """What is spent is the sum over lines of the period; what is held, over open reservations."""
    ledger = both.memory.ledger
    for group in BUDGETS:
        name = name_of(Ask(group, "ada"))
        charged = [line for line in ledger.lines.values() if name in line.budgets]
        for limit in group.limits:
            start_us, spent, held = ledger.budgets[name].counts[limit.label]
            assert isinstance(limit.algorithm, Spending)
            ends_us = limit.algorithm.period(int(start_us))[1]
            costs = [line.cost or 0 for line in charged if int(start_us) <= line.at_us < ends_us]
            assert spent == sum(costs)
            open_ = [
                max(0, cost)
                for each in ledger.open.values()
                for ask, cost in zip(each.asks, each.held, strict=True)
                if ask.group is group and int(start_us) <= each.admitted_us < ends_us
            ]
            assert held == sum(open_)


@MORE
@given(STEPS)
def test_whatever_happens_counts_are_sums_over_lines_and_reservations(
    form: Callable[..., LuaForm], steps: list[tuple[int, str, int, int, int]]
) -> None:
    both = begun(form())
    taken: dict[str, list[Ask]] = {}
    for number, (pause_us, action, cost, old, which) in enumerate(steps):
        both.pause(pause_us)
        known = list(taken)
        ticket = known[-1 - old] if len(known) > old else ""
        line = entry(ticket, both.now_us)
        if action == "take":
            ticket = f"{number}"
            asks = asks_of(which, cost)
            if both.take(asks, ticket, entry(ticket, both.now_us), 60_000).admitted:
                taken[ticket] = asks
        elif action == "sweep":
            both.sweep()
            for swept in set(taken) - set(both.memory.ledger.open):
                asks = still_known(both, swept, taken.pop(swept))
                both.settle(asks, swept, [cost] * len(asks), entry(swept, both.now_us), cost)
        elif ticket and action == "refresh":
            both.refresh([(ask, ticket) for ask in taken[ticket] if ask.group.spends])
        elif ticket:
            asks = still_known(both, ticket, taken.pop(ticket))
            line = line if action == "settle" else b""
            for _again in range(2):
                both.settle(asks, ticket, [cost] * len(asks), line, cost)
        check_sums(both)
    both.compare_ledger()


@MORE
@given(
    st.lists(st.tuples(st.integers(0, 40 * SECOND), st.integers(0, 60), st.integers(0, 100)),
             max_size=20)
)  # fmt: skip
def test_a_budget_is_never_overdrawn_where_nothing_costs_more_than_was_held(
    form: Callable[..., LuaForm], steps: list[tuple[int, int, int]]
) -> None:
    both = begun(form())
    held: list[tuple[str, int]] = []
    for number, (pause_us, cost, percent) in enumerate(steps):
        both.pause(pause_us)
        asks = [Ask(HARD, "ada", cost)]
        if both.take(asks, f"{number}", entry(f"{number}", 0), 30_000).admitted:
            held.append((f"{number}", cost))
        if percent > 40 and held:
            ticket, most = held.pop(percent % len(held))
            actual = most * percent // 100
            both.settle(asks, ticket, [actual], entry(ticket, both.now_us), actual)
        if percent % 10 == 0:
            both.sweep()
        for limit in HARD.limits:
            _, spent, holds = counts(both, HARD)[limit.label]
            assert int(spent) + int(holds) <= limit.algorithm.limit


@MORE
@given(
    st.integers(1, EXACT),
    st.lists(st.integers(1, 1000), max_size=4),
    st.lists(st.integers(0, EXACT), min_size=1, max_size=4),
)
def test_thresholds_of_any_size_are_the_same(
    form: Callable[..., LuaForm], limit: int, thresholds: list[int], costs: list[int]
) -> None:
    both = Both(form())
    algorithm = Spending(limit, MONTH, tuple(thresholds))
    group = Group("budget;big", [Limit("spending-month", algorithm)], settles=True)
    both.begin(group, "ada")
    for number, cost in enumerate(costs):
        both.settle([Ask(group, "ada", 0)], f"{number}", [cost], entry(f"{number}", START), cost)
    both.compare_ledger()


# --- months ----------


@MORE
@given(st.integers(0, 2**52), st.integers(0, 3), st.integers(0, 3 * 366 * DAY))
def test_a_window_of_a_month_is_the_same_in_lua(
    form: Callable[..., LuaForm], at_us: int, cost: int, pause_us: int
) -> None:
    both = Both(form())
    both.clock.set_wall_us(at_us)
    plain = Group("plain", [Limit("fixed-month", FixedWindow(4, MONTH))], settles=True)
    lent = Group("lent", [Limit("leased-month", Leased(FixedWindow(9, MONTH), 5))])
    both.take([Ask(plain, "ada", cost)], "t1")
    both.lend(Ask(lent, "ada"), [cost], "b1")
    for part_us in (pause_us % SECOND, pause_us, -pause_us % DAY):
        both.pause(part_us)
        both.give_back(Ask(lent, "ada"), "b1", [1])
        both.take([Ask(plain, "ada", cost)])
        both.settle([Ask(plain, "ada", cost)], "t1", [2])
