from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from truth.evidence import Passed, above_rate, longest_gap_us, most_together, per_window

moments = st.integers(0, 60)
requests = st.lists(
    st.tuples(moments, st.integers(0, 20)).map(lambda t: Passed(t[0], t[0] + t[1])), max_size=12
)


def by_all_stretches(passed: list[Passed], rate: int, period_us: int) -> int:
    most = 0
    for begin in passed:
        for end in passed:
            since, until = begin.sent_us, end.read_us
            if until < since:
                continue
            inside = sum(since <= e.sent_us and e.read_us <= until for e in passed)
            most = max(most, inside * period_us - rate * (until - since))
    return -(-most // period_us)


@given(requests, st.integers(1, 5), st.integers(1, 10))
def test_the_most_above_the_rate_is_that_of_the_worst_stretch(
    passed: list[Passed], rate: int, period_us: int
) -> None:
    assert above_rate(passed, rate, period_us) == by_all_stretches(passed, rate, period_us)


def test_what_comes_at_the_rate_is_one_above_it() -> None:
    evenly = [Passed(n * 100, n * 100) for n in range(50)]
    assert above_rate(evenly, 1, 100) == 1
    assert above_rate([Passed(0, 0)] * 7 + evenly, 1, 100) == 8


def test_a_delay_on_the_way_accuses_nobody() -> None:
    delayed = [Passed(n * 100, 5000) for n in range(50)]
    assert above_rate(delayed, 1, 100) <= 1


def test_a_window_counts_only_what_was_in_it_for_sure() -> None:
    passed = [Passed(5, 9), Passed(9, 10), Passed(10, 11), Passed(12, 19)]
    assert per_window(passed, 10) == {0: 1, 1: 2}


def test_the_longest_gap_needs_no_order() -> None:
    assert longest_gap_us([30, 10, 11]) == 19
    assert longest_gap_us([5]) == 0


def test_spans_that_touch_are_not_open_together() -> None:
    assert most_together([(0, 5), (5, 9), (6, 7)]) == 2
    assert most_together([]) == 0
