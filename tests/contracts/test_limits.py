"""Every algorithm counts the same in Python, in memory and in Lua on a real Valkey: step by step.

A history is a list of pauses and costs, run on all of them with the same times; what they say and
what they keep has to be the same after every step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.leaky_bucket import LeakyBucket
from sluicegate.journey.limit.algorithms.leased import Leased
from sluicegate.journey.limit.algorithms.regional_window import RegionalWindow
from sluicegate.journey.limit.algorithms.sliding_log import SlidingLog
from sluicegate.journey.limit.algorithms.sliding_window import SlidingWindow
from sluicegate.journey.limit.algorithms.slots import Slots
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket
from sluicegate.state.contract import EXACT, Algorithm, Ask, Counts, Group, Limit
from support.effort import THOROUGH
from support.lua_form import START, Both, LuaForm, run, said, spec_of
from support.ports import eventually
from support.valkey import Valkey

SECOND = 1_000_000
PERIODS = st.sampled_from([1, 7, SECOND, 60 * SECOND, 3600 * SECOND, 86_400 * SECOND])
MONTH = 30 * 86_400 * SECOND
LATER_US = 1500
"""From the take to its settlement."""
MORE = settings(max_examples=400 if THOROUGH else 40)

ALGORITHMS: dict[str, st.SearchStrategy[Any]] = {
    "bucket": st.builds(TokenBucket, st.integers(1, 5000), PERIODS, st.integers(1, 60)),
    "leaky": st.builds(LeakyBucket, st.integers(1, 5000), PERIODS, st.integers(0, 10 * SECOND)),
    "fixed": st.builds(FixedWindow, st.integers(1, 60), PERIODS),
    "sliding": st.builds(SlidingWindow, st.integers(1, 60), PERIODS),
    "log": st.builds(SlidingLog, st.integers(1, 60), PERIODS),
}
HUGE: dict[str, list[Algorithm]] = {
    "bucket": [
        TokenBucket(1, SECOND, EXACT // SECOND),
        TokenBucket(EXACT, 1, EXACT),
        TokenBucket(7, MONTH, EXACT // MONTH),
    ],
    "leaky": [LeakyBucket(1, SECOND, EXACT - SECOND), LeakyBucket(4096, 1, 2**40 - 1)],
    "fixed": [FixedWindow(EXACT, MONTH), FixedWindow(EXACT - 1, 1), FixedWindow(1, EXACT)],
    "sliding": [SlidingWindow(EXACT, MONTH), SlidingWindow(EXACT // 3, 1), SlidingWindow(3, EXACT)],
    "log": [SlidingLog(1000, EXACT), SlidingLog(1, MONTH)],
}

PAUSES = (
    st.integers(0, 1000)
    | st.integers(-SECOND, -1)
    | st.integers(-2 * SECOND, 10 * SECOND)
    | st.integers(0, 2**38)
)
COSTS = st.integers(0, 30) | st.sampled_from([EXACT, EXACT - 1])
STEPS = st.lists(st.tuples(PAUSES, COSTS, st.none() | st.integers(0, 40)), max_size=12)


@pytest.fixture(scope="module")
def form(shared_valkey: Valkey) -> Iterator[Callable[[], LuaForm]]:
    """Return `form() -> LuaForm`, with keys of its own."""
    with shared_valkey.client() as client:
        known: dict[str, str] = {}
        yield lambda: LuaForm(client, known)


def play(form: LuaForm, algorithm: Algorithm, steps: list[tuple[int, int, int | None]]) -> None:
    """Take, and settle at once or never, in Python and in Lua; both say and keep the same."""
    group = Group("place", [Limit("one", algorithm)], settles=True)
    counts: Counts | None = None
    now_us = START
    for number, (pause_us, cost, settled) in enumerate(steps):
        now_us += pause_us
        outcome, after = algorithm.decide(counts, now_us, cost)
        verdict = form.take([Ask(group, "ada", cost)], now_us, f"{number}")
        assert said(verdict.outcomes[0]) == said(outcome)
        if outcome.admitted:
            counts = after
            assert form.counts(group, "ada") == {"one": counts}
        if outcome.admitted and settled is not None:
            taken_us, now_us = now_us, now_us + LATER_US
            form.settle([Ask(group, "ada", cost)], now_us, f"{number}", [settled])
            if settled != cost:
                counts = algorithm.adjust(counts, now_us, taken_us, settled - cost)
                assert form.counts(group, "ada") == {"one": counts}


@pytest.mark.parametrize("code", ALGORITHMS)
def test_a_history_counts_the_same(code: str, form: Callable[[], LuaForm]) -> None:
    @MORE
    @given(ALGORITHMS[code], STEPS)
    def compare(algorithm: Algorithm, steps: list[tuple[int, int, int | None]]) -> None:
        play(form(), algorithm, steps)

    compare()


@pytest.mark.parametrize("code", HUGE)
def test_numbers_as_large_as_can_be_count_the_same(code: str, form: Callable[[], LuaForm]) -> None:
    near = st.integers(EXACT - 3, EXACT) | st.integers(0, 3) | st.integers(0, EXACT)
    pauses = st.integers(0, 2**48) | st.integers(-3, 3)
    steps = st.lists(st.tuples(pauses, near, st.none() | near), max_size=6)

    @MORE
    @given(st.sampled_from(HUGE[code]), steps)
    def compare(algorithm: Algorithm, steps: list[tuple[int, int, int | None]]) -> None:
        play(form(), algorithm, steps)

    compare()


def groups() -> list[Group]:
    """Return groups as a request may be under: several limits, reserved costs, shadows."""
    minute = 60 * SECOND
    several = [
        Limit("bucket-1", TokenBucket(10, SECOND, 20)),
        Limit("fixed-60", FixedWindow(40, minute)),
        Limit("sliding-60", SlidingWindow(30, minute)),
    ]
    reserved = [Limit("fixed-60", FixedWindow(60, minute)), Limit("log-10", SlidingLog(50, minute))]
    unsure = [Limit("leaky-1", LeakyBucket(5, SECOND, SECOND)), Limit("f", FixedWindow(15, minute))]
    other = [Limit("fixed-60", FixedWindow(30, minute)), Limit("b", TokenBucket(1, SECOND, 10))]
    return [
        Group("several", several),
        Group("reserved", reserved, settles=True),
        Group("unsure", unsure, shadow=True),
        Group("unsure-too", unsure, shadow=True, settles=True),
        Group("several", other),  # the same subject's counts, as an older replica would have them
    ]


SLOTS = Group("slots", [Limit("slots", Slots(3, 30 * SECOND))])
WISH = st.tuples(st.integers(0, 3), st.integers(0, 12))
ASKED = st.lists(WISH, min_size=1, max_size=4) | st.lists(
    WISH.map(lambda wish: (wish[0] or 4, wish[1])), min_size=1, max_size=4
)
"""Groups by their number, and costs; those that share a place are not in one request."""
MOMENTS = st.integers(0, 1000) | st.integers(-SECOND, 5 * SECOND) | st.integers(0, 90 * SECOND)
LATER = MOMENTS.map(abs)


@MORE
@given(st.lists(st.tuples(MOMENTS, ASKED, st.none() | st.integers(0, 20)), max_size=10))
def test_groups_are_taken_from_together_or_not_at_all(
    form: Callable[[], LuaForm],
    history: list[tuple[int, list[tuple[int, int]], int | None]],
) -> None:
    both, known = Both(form()), groups()
    for number, (pause_us, asked, settled) in enumerate(history):
        both.pause(pause_us)
        asks = [Ask(known[index], "ada", cost) for index, cost in asked]
        both.take(asks, f"{number}")
        if settled is not None:
            both.pause(LATER_US)
            both.settle(asks, f"{number}", [settled] * len(asks))
            both.settle(asks, f"{number}", [0] * len(asks))


@MORE
@given(
    st.lists(
        st.tuples(LATER, st.sampled_from(["take", "settle", "refresh"]), st.integers(0, 5)),
        max_size=14,
    )
)
def test_slots_are_held_until_freed_or_expired(
    form: Callable[[], LuaForm], history: list[tuple[int, str, int]]
) -> None:
    both, several = Both(form()), groups()[0]
    asks = [Ask(several, "ada", 2), Ask(SLOTS, "ada")]
    for pause_us, action, number in history:
        both.pause(pause_us)
        if action == "take":
            both.take(asks, f"{number}")
        elif action == "settle":
            both.settle(asks, f"{number}", [2, 0])
        else:
            both.refresh([(asks[1], f"{number}")])
        both.take([Ask(SLOTS, "ada", 0)], "another")


LEASED = [
    Limit("leased-bucket-1", Leased(TokenBucket(10, SECOND, 20), 12)),
    Limit("leased-strict-1", Leased(TokenBucket(7, 3 * SECOND, 25), 5, strict=True)),
    Limit("leased-fixed-10", Leased(FixedWindow(40, 10 * SECOND), 15)),
    Limit("leased-sliding-10", Leased(SlidingWindow(50, 10 * SECOND), 30, 3 * SECOND)),
]
CHANGED = [
    Limit("leased-bucket-1", Leased(TokenBucket(13, SECOND, 20), 12)),
    *LEASED[1:],
]
UNITS = st.integers(0, 20)
BRIEF = st.integers(0, 1000) | st.integers(-SECOND, SECOND) | st.integers(0, 12 * SECOND)


@MORE
@given(
    st.lists(
        st.tuples(BRIEF, st.sampled_from(["lend", "return", "take", "change"]), UNITS, UNITS),
        max_size=14,
    )
)
def test_blocks_are_lent_and_given_back(
    form: Callable[[], LuaForm], history: list[tuple[int, str, int, int]]
) -> None:
    both, now, other = Both(form()), Group("leased", LEASED), Group("leased", CHANGED)
    for pause_us, action, units, number in history:
        both.pause(pause_us)
        ask = Ask(now, "ada", units)
        if action == "lend":
            both.lend(ask, [units, units // 2, 20 - units, units], f"{number % 6}")
        elif action == "return":
            both.give_back(ask, f"{number % 6}", [units, 20, number, units])
        elif action == "take":
            both.take([ask])
        else:
            now, other = other, now


REGIONAL = Group(
    "regional",
    [
        Limit("regional-10", RegionalWindow(100, 10 * SECOND, 60)),
        Limit("regional-60", RegionalWindow(EXACT, 60 * SECOND, EXACT)),
    ],
    settles=True,
)
HIGH = st.integers(0, 60) | st.integers(0, EXACT)


@MORE
@given(
    st.lists(
        st.tuples(BRIEF, st.sampled_from(["merge", "take"]), st.sampled_from("ab"), HIGH, HIGH),
        max_size=10,
    )
)
def test_regions_are_merged(
    form: Callable[[], LuaForm], history: list[tuple[int, str, str, int, int]]
) -> None:
    both = Both(form())
    ask = Ask(REGIONAL, "ada")
    for number, (pause_us, action, region, first, second) in enumerate(history):
        both.pause(pause_us)
        now_us = both.now_us
        _, ours = both.form.totals(ask, now_us, "epoch")
        assert ours == run(both.memory.totals(ask))
        if action == "merge":
            told = [(ours[0][0], first, second), (ours[1][0] - first % 2, second, first)]
            run(both.memory.merge(ask, f"region-{region}", region, told))
            both.form.merge(ask, now_us, f"region-{region}", region, told)
            both.compare([ask])
        else:
            asks = [Ask(REGIONAL, "ada", first)]
            both.take(asks, f"{number}")
            both.settle(asks, f"{number}", [second])


def test_an_epoch_lasts_as_long_as_its_counts(form: Callable[[], LuaForm]) -> None:
    lua, ask = form(), Ask(REGIONAL, "ada")
    lua.take([ask], START, "ticket")
    assert lua.totals(ask, START, "first")[0] == "first"
    assert lua.totals(ask, START, "second")[0] == "first"
    assert lua.merge(ask, START, "here", "first", [(START, 9, 0), (START, 9, 0)]) == 0
    lua.client.delete(lua.key(REGIONAL, "ada"), lua.key(REGIONAL, "ada") + ":e")
    assert lua.totals(ask, START, "third")[0] == "third"


@MORE
@given(
    st.lists(
        st.tuples(st.integers(1, 5000), PERIODS, st.integers(1, 60), st.integers(0, 30)),
        min_size=2,
        max_size=6,
    )
)
def test_a_bucket_whose_rate_is_changed_keeps_its_debt(
    form: Callable[[], LuaForm], history: list[tuple[int, int, int, int]]
) -> None:
    both = Both(form())
    for rate, period_us, burst, cost in history:
        group = Group("changed", [Limit("bucket", TokenBucket(rate, period_us, burst))])
        both.take([Ask(group, "ada", cost)])


@MORE
@given(st.integers(0, EXACT), st.integers(1, EXACT), st.integers(1, EXACT), st.integers(1, EXACT))
def test_a_debt_of_any_size_is_told_in_other_fractions_exactly(
    form: Callable[[], LuaForm], debt: int, period_us: int, other_us: int, rate: int
) -> None:
    lua, label = form(), "bucket"
    before, after = TokenBucket(rate, period_us, 1), TokenBucket(rate, other_us, 1)
    group = Group("changed", [Limit(label, after)], settles=True)
    counts = (debt, START, before.unit)
    value = msgspec.msgpack.encode([label, counts])
    lua.client.set(lua.key(group, "ada"), value)
    lua.client.set(f"{lua.key(group, 'ada')}:t:1", msgspec.msgpack.encode([START, 0]))
    lua.settle([Ask(group, "ada", 0)], START, "1", [1])
    assert lua.counts(group, "ada") == {label: after.adjust(counts, START, START, 1)}


def test_workers_are_alive_for_five_seconds_and_placed_by_name(
    form: Callable[[], LuaForm],
) -> None:
    lua = form()
    assert lua.present("b", START) == (1, 0)
    assert lua.present("a", START + SECOND) == (2, 0)
    assert lua.present("b", START + 2 * SECOND) == (2, 1)
    assert lua.present("b", START + 6 * SECOND) == (1, 0)


def test_a_key_lives_until_its_longest_limit_is_as_if_never_used(
    form: Callable[[], LuaForm],
) -> None:
    lua, several = form(), groups()[0]
    lua.take([Ask(several, "ada")], START, "")
    key = lua.key(several, "ada")
    assert 60_000 < lua.client.pttl(key) <= 120_000  # of the sliding window
    lua.take([Ask(groups()[4], "ada")], START)
    assert 60_000 < lua.client.pttl(key) <= 120_000  # which is another's by now
    brief = Group("brief", [Limit("bucket", TokenBucket(1000, SECOND, 1))])

    def life_ms(person: str) -> int:
        lua.take([Ask(brief, person)], START)
        return int(lua.client.pttl(lua.key(brief, person)))

    people = (f"person-{number}" for number in count())
    eventually(lambda: 500 < life_ms(next(people)) <= 1000, "it lives for a second")


def test_a_script_asks_the_time_of_the_server_where_none_is_given(
    form: Callable[[], LuaForm],
) -> None:
    lua, ask = form(), Ask(groups()[0], "ada")
    seconds, micros = lua.client.time()
    lua.call("take", [lua.key(ask.group, "ada")], "", "", 0, spec_of(ask.group), 1)
    _, at_us, _ = lua.counts(ask.group, "ada")["bucket-1"]
    assert 0 <= int(at_us) - (seconds * SECOND + micros) < 60 * SECOND
