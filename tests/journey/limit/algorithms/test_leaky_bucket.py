"""The leaky bucket: golden vectors, and what holds for every history of requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.limit.algorithms.leaky_bucket import LeakyBucket
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket
from sluicegate.state.contract import EXACT, NEVER
from support.limit_properties import (
    ANY_HISTORIES,
    HISTORIES,
    SECOND,
    START,
    History,
    check,
    play,
    said,
)

GOLDEN = [
    # since START in µs, cost, admitted, remaining, reset_us, retry_after_us
    (0, 1, True, 2, 100_000, 0),
    (0, 1, True, 1, 200_000, 100_000),
    (0, 1, True, 0, 300_000, 200_000),
    (0, 1, False, 0, 300_000, 100_000),
    (50_000, 1, False, 0, 250_000, 50_000),
    (100_000, 1, True, 0, 300_000, 200_000),
    (0, 1, False, 0, 400_000, 200_000),  # the clock was set back
    (100_000, 4, False, 0, 300_000, NEVER),
    (1_000_000, 2, True, 1, 200_000, 0),
    (1_000_000, 1, True, 0, 300_000, 200_000),
]
BUCKETS = st.builds(
    LeakyBucket,
    rate=st.integers(1, 300),
    period_us=st.sampled_from([SECOND, 60 * SECOND]),
    max_delay_us=st.integers(0, 20 * SECOND),
)


def test_ten_a_second_with_a_delay_of_a_fifth_follows_the_golden_vectors() -> None:
    bucket, counts = LeakyBucket(10, SECOND, 200_000), None
    for at_us, cost, *expected in GOLDEN:
        outcome, counts = bucket.decide(counts, START + at_us, cost)
        assert (at_us, *said(outcome)) == (at_us, *expected)
        assert outcome.limit == 3


def test_without_delay_only_the_first_of_each_interval_goes_on() -> None:
    bucket = LeakyBucket(10, SECOND, 0)
    steps = play(bucket, [(0, 1), (99_999, 1), (1, 1)])
    assert [step.outcome.admitted for step in steps] == [True, False, True]


@given(BUCKETS, HISTORIES)
def test_requests_go_on_one_interval_after_the_other_and_none_waits_longer_than_allowed(
    bucket: LeakyBucket, history: History
) -> None:
    earliest_us = START
    for now_us, cost, outcome, _, _ in play(bucket, history):
        if not outcome.admitted or not cost:
            continue
        assert outcome.retry_after_us <= bucket.max_delay_us
        assert now_us + outcome.retry_after_us >= earliest_us
        if outcome.retry_after_us:
            assert now_us + outcome.retry_after_us <= earliest_us + 2 * len(history)
        earliest_us = now_us + outcome.retry_after_us + cost * bucket.unit // bucket.refill


@given(BUCKETS, ANY_HISTORIES)
def test_it_admits_what_a_token_bucket_of_its_capacity_admits(
    bucket: LeakyBucket, history: History
) -> None:
    check(bucket, history)
    if bucket.capacity % bucket.unit == 0:
        twin = TokenBucket(bucket.rate, bucket.period_us, bucket.limit)
        for step, other in zip(play(bucket, history), play(twin, history), strict=True):
            assert said(step.outcome)[:3] == said(other.outcome)[:3]


def test_a_place_in_the_queue_is_not_given_to_another() -> None:
    bucket = LeakyBucket(10, SECOND, 200_000)
    counts = play(bucket, [(0, 1), (0, 1)])[-1].after
    assert bucket.adjust(counts, START, START, -1) == counts
    assert bucket.decide(bucket.adjust(counts, START, START, 1), START, 1)[0].admitted is False
    assert bucket.adjust(counts, START, START, EXACT)[0] == EXACT


def test_workers_share_the_rate() -> None:
    parts = [LeakyBucket(10, SECOND, 200_000).share(4, place) for place in range(4)]
    assert {(part.rate, part.period_us) for part in parts if part} == {(10, 4 * SECOND)}
    assert LeakyBucket(1, EXACT // 4, 0).share(8, 0) is None


def test_a_queue_too_long_to_count_exactly_is_refused_with_the_most_that_is_possible() -> None:
    with pytest.raises(ValueError, match="write at most 121597 µs"):
        LeakyBucket(10**12 - 1, 86400 * SECOND, 3600 * SECOND)
    assert LeakyBucket(10**12 - 1, 86400 * SECOND, 121597).capacity <= EXACT
