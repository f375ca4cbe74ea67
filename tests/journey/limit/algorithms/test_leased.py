"""Leases: what workers spend of their blocks stays within the bound, and little is burned."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.leased import Inner, Leased
from sluicegate.journey.limit.algorithms.sliding_window import SlidingWindow
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket, debt_at
from sluicegate.state.contract import Block, Counts
from support.effort import EXAMPLES
from support.limit_properties import SECOND, START, said

Spent = list[tuple[int, int]]
EVENTS = st.lists(
    st.tuples(
        st.integers(0, 400_000) | st.integers(0, 3 * SECOND),
        st.sampled_from(["lend", "lend", "spend", "spend", "return"]),
        st.integers(0, 3),
        st.integers(0, 15),
    ),
    max_size=60,
)
INNERS: st.SearchStrategy[Inner] = st.one_of(
    st.builds(TokenBucket, st.integers(1, 40), st.just(SECOND), st.integers(2, 40)),
    st.builds(FixedWindow, st.integers(1, 40), st.just(SECOND)),
    st.builds(SlidingWindow, st.integers(1, 40), st.just(SECOND)),
)


@dataclass
class Held:
    """What a worker has at hand."""

    ticket: str = ""
    units: int = 0
    until_us: int = 0
    charge: int = -1


@dataclass
class World:
    """One limit and four workers that borrow of it."""

    leased: Leased
    counts: Counts | None = None
    now_us: int = START
    charges: list[tuple[int, int]] = field(default_factory=list)
    """What of each block is spent or may still be: with less, the bound would be another's."""

    def play(self, events: list[tuple[int, str, int, int]]) -> Spent:
        workers = [Held() for _ in range(4)]
        spent: Spent = []
        for pause_us, what, place, units in events:
            self.now_us += pause_us
            worker = workers[place]
            alive = self.now_us < worker.until_us
            if what == "lend":
                self.give_back(worker)
                workers[place] = self.borrow(units)
            elif what == "spend" and alive:
                used = min(units, worker.units)
                worker.units -= used
                spent.append((self.now_us, used))
            elif what == "return":
                self.give_back(worker)
                workers[place] = Held()
            self.check_debt()
        return spent

    def check_debt(self) -> None:
        """A bucket is never owed less than what would be owed had nobody borrowed in vain."""
        bucket = self.leased.inner
        if not isinstance(bucket, TokenBucket):
            return
        owed, since_us = 0, START
        for now_us, units in [*self.charges, (self.now_us, 0)]:
            owed = max(0, owed - (now_us - since_us) * bucket.refill) + units * bucket.unit
            since_us = now_us
        own = None if self.counts is None else self.counts[:3]
        assert debt_at(own, self.now_us, bucket.unit, bucket.refill)[0] >= owed

    def borrow(self, units: int) -> Held:
        ticket = f"block {len(self.charges)}"
        block, self.counts = self.leased.lend(self.counts, self.now_us, units, ticket)
        assert 0 <= block.granted <= units
        assert block.granted <= block.lent <= self.leased.cap
        assert block.ends_us <= self.leased.life_us
        self.charges.append((self.now_us, block.granted))
        until_us = self.now_us + block.ends_us
        return Held(ticket, block.granted, until_us, len(self.charges) - 1)

    def give_back(self, worker: Held) -> None:
        if worker.charge >= 0:
            lent_us, units = self.charges[worker.charge]
            self.charges[worker.charge] = (lent_us, units - worker.units)
        self.counts = self.leased.take_back(self.counts, self.now_us, worker.ticket, worker.units)


def most(spent: Spent, period_us: int) -> list[tuple[int, int]]:
    """Return (time, units) of every stretch of a history that is not longer than a period."""
    stretches = []
    for first, (since, _) in enumerate(spent):
        total = 0
        for now, units in spent[first:]:
            if now - since > period_us:
                break
            total += units
            stretches.append((now - since, total))
    return stretches


@settings(max_examples=3 * EXAMPLES)
@given(st.integers(1, 40), st.integers(2, 40), st.integers(1, 30), st.booleans(), EVENTS)
def test_of_a_bucket_at_most_the_cap_is_spent_beyond_the_bound_and_nothing_where_it_is_strict(
    rate: int,
    burst: int,
    cap: int,
    strict: bool,  # noqa: FBT001 - drawn
    events: list[tuple[int, str, int, int]],
) -> None:
    cap = min(cap, burst - 1)
    spent = World(Leased(TokenBucket(rate, SECOND, burst), cap, strict=strict)).play(events)
    for time_us, units in most(spent, 3600 * SECOND):
        excess = 0 if strict else cap
        assert units <= burst + excess + Fraction(rate * time_us, SECOND)


@given(st.integers(1, 40), st.integers(1, 40), EVENTS)
def test_of_a_fixed_window_never_more_than_the_limit_is_spent(
    limit: int, cap: int, events: list[tuple[int, str, int, int]]
) -> None:
    spent = World(Leased(FixedWindow(limit, SECOND), cap)).play(events)
    windows: dict[int, int] = {}
    for now, units in spent:
        windows[now // SECOND] = windows.get(now // SECOND, 0) + units
    assert all(units <= limit for units in windows.values())


@given(st.integers(1, 40), st.integers(1, 40), EVENTS)
def test_of_a_sliding_window_no_more_is_spent_than_its_own_bound(
    limit: int, cap: int, events: list[tuple[int, str, int, int]]
) -> None:
    spent = World(Leased(SlidingWindow(limit, SECOND), cap)).play(events)
    for time_us, units in most(spent, SECOND):
        assert units <= limit * (1 + Fraction(time_us, SECOND))


@given(INNERS, st.integers(1, 50), st.integers(1, 40), st.integers(0, SECOND))
def test_what_is_given_back_at_once_can_be_lent_again(
    inner: Inner, cap: int, want: int, since_us: int
) -> None:
    leased, now = Leased(inner, cap), START + since_us
    first, counts = leased.lend(None, now, want, "a")
    after = leased.take_back(counts, now, "a", first.granted)
    second, _ = leased.lend(after, now, want, "b")
    assert (second.granted, second.lent) == (first.granted, first.lent)
    assert first.granted == min(want, cap, inner.limit)


def test_a_bucket_under_load_is_given_back_all_that_was_not_spent() -> None:
    leased = Leased(TokenBucket(1000, SECOND, 1000), 500)
    counts = leased.decide(None, START, 1000)[1]
    now = START + SECOND // 2
    block, counts = leased.lend(counts, now, 300, "a")
    counts = leased.decide(counts, now, 200)[1]
    now += SECOND // 10  # 100 are paid back; 900 are owed
    assert leased.decide(counts, now, 0)[0].remaining == 100
    returned = leased.take_back(counts, now, "a", block.granted)
    assert leased.decide(returned, now, 0)[0].remaining == 400


def test_a_bucket_that_time_has_filled_is_given_back_nothing_twice() -> None:
    leased = Leased(TokenBucket(10, SECOND, 20), 10)
    counts = leased.lend(None, START, 10, "a")[1]
    now = START + SECOND // 2
    counts = leased.take_back(counts, now, "a", 10)
    assert leased.decide(counts, now, 0)[0].remaining == 20
    assert leased.take_back(counts, now, "a", 10) == counts
    counts = leased.lend(None, START, 10, "a")[1]
    now = START + SECOND - 1
    counts = leased.decide(counts, now, 19)[1]  # all but a millionth of the block was paid back
    counts = leased.take_back(counts, now, "a", 10)
    assert leased.decide(counts, now, 1)[0].admitted
    assert not leased.decide(counts, now, 2)[0].admitted


@given(INNERS)
def test_what_comes_back_after_the_end_is_burned(inner: Inner) -> None:
    leased = Leased(inner, 5)
    block, counts = leased.lend(None, START, 1, "a")
    late = START + block.ends_us
    before = said(leased.decide(counts, late, 0)[0])
    assert leased.take_back(counts, late, "a", 1) in (counts, counts[:-4])
    assert said(leased.decide(leased.take_back(counts, late, "a", 1), late, 0)[0]) == before


def test_a_block_ends_with_its_window() -> None:
    for inner in (FixedWindow(10, SECOND), SlidingWindow(10, SECOND)):
        block, _ = Leased(inner, 5).lend(None, START + 700_000, 5, "a")
        assert block.ends_us == 300_000
    block, _ = Leased(TokenBucket(1, SECOND, 5), 5).lend(None, START + 700_000, 5, "a")
    assert block.ends_us == SECOND


def test_a_used_up_limit_says_when_to_ask_again() -> None:
    leased = Leased(FixedWindow(10, 60 * SECOND), 4)
    now = START - START % (60 * SECOND)
    block, counts = leased.lend(None, now, 9, "a")
    assert (block.granted, block.lent, said(block.outcome)) == (4, 4, (True, 6, 60 * SECOND, 0))
    block, after = leased.lend(counts, now + 100, 1, "b")
    assert (block.granted, block.lent, after) == (0, 4, counts)
    assert said(block.outcome) == (False, 6, 60 * SECOND - 100, SECOND - 100)
    counts = leased.decide(counts, now, 6)[1]
    block, _ = leased.lend(counts, now + SECOND, 1, "b")
    assert (block.granted, block.lent) == (0, 0)
    assert said(block.outcome) == (False, 0, 59 * SECOND, 59 * SECOND)
    block, _ = leased.lend(counts, now + SECOND, 0, "b")
    assert block.outcome.admitted


def test_blocks_live_on_when_the_rate_is_changed_but_are_worth_nothing() -> None:
    counts = Leased(TokenBucket(10, SECOND, 20), 10).lend(None, START, 10, "a")[1]
    changed = Leased(TokenBucket(7, SECOND, 20), 10)
    assert changed.lend(counts, START, 5, "b")[0].lent == 10
    back = changed.take_back(counts, START, "a", 10)
    assert changed.decide(back, START, 0)[0].remaining == 10


def test_without_a_block_it_is_as_its_inner_limit_and_keeps_the_blocks() -> None:
    inner = FixedWindow(10, SECOND)
    leased = Leased(inner, 4)
    counts = leased.lend(None, START, 4, "a")[1]
    outcome, counts = leased.decide(counts, START, 6)
    assert outcome.admitted
    assert not leased.decide(counts, START, 1)[0].admitted
    assert leased.adjust(counts, START, START, -2)[:2] == (START, 8)
    assert leased.take_back(counts, START, "a", 4)[:2] == (START, 6)


def test_parts_of_workers_are_leased_as_well() -> None:
    part = Leased(FixedWindow(5, SECOND), 3).share(2, 1)
    assert part
    assert part.numbers == ("fixed", 1, SECOND, 2, SECOND)
    assert Leased(FixedWindow(1, SECOND), 1).share(2, 1) is None


def test_caps_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="lends nothing"):
        Leased(FixedWindow(5, SECOND), 0)
    with pytest.raises(ValueError, match="leave nothing of a burst of 5"):
        Leased(TokenBucket(1, SECOND, 5), 5, strict=True)


def test_a_block_of_nothing_is_not_kept() -> None:
    block, counts = Leased(FixedWindow(5, SECOND), 3).lend(None, START, 0, "a")
    assert isinstance(block, Block)
    assert (block.granted, counts) == (0, (START, 0))
