"""The token bucket: golden vectors, and what holds for every history of requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket, debt_at
from sluicegate.state.contract import EXACT, NEVER, Counts, Outcome

SECOND = 1_000_000
START = 1_700_000_000 * SECOND

GOLDEN = [
    # since START in µs, cost, admitted, remaining, reset_us, retry_after_us
    (0, 1, True, 2, 100_000, 0),
    (0, 1, True, 1, 200_000, 0),
    (0, 1, True, 0, 300_000, 0),
    (0, 1, False, 0, 300_000, 100_000),
    (99_999, 1, False, 0, 200_001, 1),
    (100_000, 1, True, 0, 300_000, 0),
    (100_000, 4, False, 0, 300_000, NEVER),
    (250_000, 2, False, 1, 150_000, 50_000),
    (300_000, 2, True, 0, 300_000, 0),
    (200_000, 1, False, 0, 400_000, 200_000),  # the clock was set back by 0.1 s
    (600_000, 0, True, 3, 0, 0),
    (900_000, 3, True, 0, 300_000, 0),
]
BUCKETS = st.builds(
    TokenBucket,
    rate=st.integers(1, 5000),
    period_us=st.sampled_from([SECOND, 60 * SECOND, 3600 * SECOND, 86400 * SECOND]),
    burst=st.integers(1, 60),
)
PAUSES = st.integers(0, 1000) | st.integers(-2 * SECOND, 10 * SECOND)
HISTORY = st.lists(st.tuples(PAUSES, st.integers(1, 30)))


def play(
    bucket: TokenBucket, history: list[tuple[int, int]]
) -> list[tuple[int, int, Outcome, Counts | None, Counts]]:
    """Return for each (pause, cost) of a history: time, cost, outcome, counts before and after."""
    now_us, counts, seen = START, None, []
    for pause_us, cost in history:
        now_us += pause_us
        outcome, after = bucket.decide(counts, now_us, cost)
        seen.append((now_us, cost, outcome, counts, after))
        counts = after
    return seen


def test_ten_a_second_with_a_burst_of_three_follows_the_golden_vectors() -> None:
    bucket, counts = TokenBucket(10, SECOND, 3), None
    for at_us, cost, *expected in GOLDEN:
        outcome, counts = bucket.decide(counts, START + at_us, cost)
        said = [outcome.admitted, outcome.remaining, outcome.reset_us, outcome.retry_after_us]
        assert (at_us, said) == (at_us, expected)
        assert outcome.limit == 3


def test_a_rate_that_does_not_divide_the_period_is_counted_exactly() -> None:
    bucket, counts, admitted = TokenBucket(700_000, SECOND, 1), None, 0
    for now_us in range(START, START + 1000):
        outcome, counts = bucket.decide(counts, now_us, 1)
        admitted += outcome.admitted
    assert admitted == 500  # a microsecond pays back 0.7: every second one admits
    bucket, counts, admitted = TokenBucket(3, SECOND, 3), None, 0
    for now_us in range(START, START + 10 * SECOND, 1000):
        outcome, counts = bucket.decide(counts, now_us, 1)
        admitted += outcome.admitted
    assert admitted == 3 + 29


def test_a_bucket_too_fine_to_count_exactly_is_refused_with_the_most_that_is_possible() -> None:
    with pytest.raises(ValueError, match="write at most 52124, or a rate with more zeros"):
        TokenBucket(999_983, 86400 * SECOND, 1_000_000)
    assert TokenBucket(999_983, 86400 * SECOND, 52124).capacity <= EXACT


@given(BUCKETS, HISTORY)
def test_never_admits_more_than_burst_plus_rate_times_time(
    bucket: TokenBucket, history: list[tuple[int, int]]
) -> None:
    seen = play(bucket, [(abs(pause), cost) for pause, cost in history])
    taken = [(now, cost) for now, cost, outcome, _, _ in seen if outcome.admitted]
    for first, (start, _) in enumerate(taken):
        total = 0
        for now, cost in taken[first:]:
            total += cost
            assert (total - bucket.burst) * bucket.period_us <= (now - start) * bucket.rate


@given(BUCKETS, HISTORY)
def test_setting_the_clock_back_never_admits_more_than_the_latest_time_allows(
    bucket: TokenBucket, history: list[tuple[int, int]]
) -> None:
    seen = play(bucket, history)
    start = latest = seen[0][0] if seen else START
    total = 0
    for now, cost, outcome, _, _ in seen:
        latest = max(latest, now)
        total += cost if outcome.admitted else 0
        assert (total - bucket.burst) * bucket.period_us <= (latest - start) * bucket.rate


@given(BUCKETS, HISTORY)
def test_a_refused_request_charges_nothing(
    bucket: TokenBucket, history: list[tuple[int, int]]
) -> None:
    for now, _, outcome, before, after in play(bucket, history):
        if not outcome.admitted:
            assert after == (before or (0, now, bucket.unit))


@given(BUCKETS, HISTORY, st.integers(1, 30))
def test_after_the_announced_wait_the_request_is_admitted_and_not_a_microsecond_earlier(
    bucket: TokenBucket, history: list[tuple[int, int]], cost: int
) -> None:
    *_, (now, _, _, _, counts) = [(START, 0, None, None, None), *play(bucket, history)]
    outcome, _ = bucket.decide(counts, now, cost)
    if outcome.retry_after_us == NEVER:
        assert cost > bucket.burst
    elif not outcome.admitted:
        then = now + outcome.retry_after_us
        assert bucket.decide(counts, then, cost)[0].admitted
        assert not bucket.decide(counts, then - 1, cost)[0].admitted


@given(BUCKETS, HISTORY)
def test_what_remains_can_be_taken_and_one_more_cannot(
    bucket: TokenBucket, history: list[tuple[int, int]]
) -> None:
    for now, _, outcome, _, counts in play(bucket, history):
        assert 0 <= outcome.remaining <= bucket.burst
        assert bucket.decide(counts, now, outcome.remaining)[0].admitted
        assert not bucket.decide(counts, now, outcome.remaining + 1)[0].admitted


@given(BUCKETS, HISTORY)
def test_after_the_reset_it_is_as_if_never_used(
    bucket: TokenBucket, history: list[tuple[int, int]]
) -> None:
    for now, _, outcome, _, counts in play(bucket, history):
        fresh = bucket.decide(counts, now + outcome.reset_us, 0)[0]
        assert (fresh.remaining, fresh.reset_us) == (bucket.burst, 0)
        if outcome.reset_us:
            assert bucket.decide(counts, now + outcome.reset_us - 1, 0)[0].reset_us == 1


@given(BUCKETS, HISTORY, st.integers(0, 10 * SECOND), st.integers(1, 30))
def test_waiting_longer_never_leaves_less(
    bucket: TokenBucket, history: list[tuple[int, int]], wait_us: int, cost: int
) -> None:
    for now, _, _, _, counts in play(bucket, history):
        sooner = bucket.decide(counts, now, cost)[0]
        later = bucket.decide(counts, now + wait_us, cost)[0]
        assert later.admitted >= sooner.admitted
        assert later.remaining >= sooner.remaining or later.admitted > sooner.admitted


SETTLED = st.lists(
    st.tuples(
        st.integers(0, 2 * SECOND),
        st.integers(0, 30),
        st.integers(0, 30),
        st.integers(0, 5 * SECOND) | st.integers(0, 200),
    ),
    max_size=25,
)


@given(BUCKETS, SETTLED)
def test_with_what_is_given_back_it_still_admits_at_most_burst_plus_rate_times_time(
    bucket: TokenBucket, history: list[tuple[int, int, int, int]]
) -> None:
    now, events = START, []
    for number, (pause_us, _, _, lasts_us) in enumerate(history):
        now += pause_us
        events += [(now, 0, number), (now + lasts_us, 1, number)]
    counts: Counts | None = None
    taken: dict[int, tuple[int, int]] = {}
    for now, settled, number in sorted(events):
        _, cost, unspent, _ = history[number]
        if not settled:
            outcome, counts = bucket.decide(counts, now, cost)
            if outcome.admitted:
                taken[number] = (now, cost)
        elif number in taken:
            then, cost = taken[number]
            unspent = min(cost, unspent)
            counts = bucket.adjust(counts, now, then, -unspent)
            taken[number] = (then, cost - unspent)
        owed, since = 0, START
        for then, cost in [*sorted(taken.values()), (now, 0)]:
            owed = max(0, owed - (then - since) * bucket.refill) + cost * bucket.unit
            since = then
        assert debt_at(counts, now, bucket.unit, bucket.refill)[0] >= owed
    spent = sorted(taken.values())
    for first, (since, _) in enumerate(spent):
        total = 0
        for then, cost in spent[first:]:
            total += cost
            assert (total - bucket.burst) * bucket.period_us <= (then - since) * bucket.rate


def test_what_is_given_back_at_once_is_given_back_in_full() -> None:
    bucket = TokenBucket(10, SECOND, 20)
    counts = bucket.decide(None, START, 15)[1]
    assert bucket.adjust(counts, START, START, -10) == bucket.decide(None, START, 5)[1]
    assert bucket.adjust(counts, START, START, -99)[0] == 0
    assert bucket.adjust(None, START, START, -1)[0] == 0


def test_what_time_may_have_paid_back_is_not_given_back_again() -> None:
    bucket = TokenBucket(10, SECOND, 20)
    counts = bucket.decide(None, START, 15)[1]
    later = START + SECOND // 2  # 5 are paid back
    assert bucket.decide(bucket.adjust(counts, later, START, -10), later, 0)[0].remaining == 15
    assert bucket.decide(bucket.adjust(counts, later, START, -5), later, 0)[0].remaining == 10


def test_a_cost_that_was_more_than_reserved_is_owed() -> None:
    bucket = TokenBucket(10, SECOND, 20)
    counts = bucket.adjust(None, START, START, 50)
    outcome = bucket.decide(counts, START, 1)[0]
    assert (outcome.admitted, outcome.remaining, outcome.retry_after_us) == (False, 0, 3_100_000)
    assert bucket.adjust(counts, START, START, EXACT)[0] == EXACT
    assert bucket.adjust(counts, START, START, 2**70)[0] == EXACT


@given(BUCKETS, BUCKETS, HISTORY)
def test_a_changed_rate_keeps_the_debt_rounded_up(
    old: TokenBucket, new: TokenBucket, history: list[tuple[int, int]]
) -> None:
    for now, _, _, _, counts in play(old, history):
        debt, at_us, unit = counts
        assert unit == old.unit
        seen, then = debt_at(counts, min(now, at_us), new.unit, new.refill)
        assert then == at_us
        if unit == new.unit:
            assert seen == debt
        else:
            assert (seen - 1) * unit < debt * new.unit <= seen * unit
        outcome = new.decide(counts, now, 1)[0]
        assert 0 <= outcome.remaining <= new.burst
        if not outcome.admitted:
            then = now + outcome.retry_after_us
            assert new.decide(counts, then, 1)[0].admitted
            assert not new.decide(counts, then - 1, 1)[0].admitted


@given(BUCKETS, st.integers(1, 70))
def test_parts_of_workers_add_up_to_the_rate_and_the_burst(
    bucket: TokenBucket, workers: int
) -> None:
    parts = [bucket.share(workers, place) for place in range(workers)]
    assert {(part.rate, part.period_us) for part in parts if part} == {
        (bucket.rate, bucket.period_us * workers)
    }
    assert sum(part.burst for part in parts if part) == max(bucket.burst, workers)


def test_a_part_too_fine_to_count_exactly_has_a_smaller_burst() -> None:
    whole = TokenBucket(999_983, 86400 * SECOND, 52124)
    part = whole.share(2, 0)
    assert part
    assert part.burst == 26062
    assert TokenBucket(1, EXACT, 1).share(2, 0) is None
