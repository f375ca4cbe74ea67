"""When a second attempt may begin: past a percentile of recent times, and within its share."""

from __future__ import annotations

from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.model.resilience import Hedge
from sluicegate.model.units import convert
from sluicegate.upstream.hedge import ENOUGH, RENEWED_EVERY, SAVED, WINDOW, Hedging


def hedging(**settings: object) -> Hedging:
    return Hedging(convert({"min_delay": "1ms", **settings}, Hedge))


def times(made: Hedging, *seconds: float) -> None:
    for each in seconds:
        made.observe(each)


def funded(made: Hedging) -> Hedging:
    """Let enough requests go by for a budget."""
    for _ in range(1000):
        made.delay()
    return made


def test_no_second_attempt_before_there_are_enough_times() -> None:
    made = funded(hedging())
    times(made, *[0.1] * (ENOUGH - 1))
    assert made.delay() is None
    times(made, 0.1)
    assert made.delay() == 0.1


@pytest.mark.parametrize(
    ("percentile", "expected_s"), [(50, 0.25), (95, 0.475), (99, 0.495), (99.9, 0.5)]
)
def test_the_delay_is_the_percentile_of_recent_times(percentile: float, expected_s: float) -> None:
    made = funded(hedging(percentile=percentile))
    order = [(number * 37) % 500 + 1 for number in range(500)]
    times(made, *(number / 1000 for number in order))
    assert made.delay() == pytest.approx(expected_s, rel=0.03)


def test_a_second_attempt_never_begins_before_the_least_delay() -> None:
    made = funded(hedging(min_delay="20ms"))
    times(made, *[0.002] * ENOUGH)
    assert made.delay() == 0.02


def test_old_times_are_forgotten() -> None:
    made = funded(hedging())
    times(made, *[5.0] * WINDOW)
    times(made, *[0.01] * (WINDOW + RENEWED_EVERY))
    assert made.delay() == 0.01


def test_the_budget_is_a_share_of_requests() -> None:
    made = hedging(max_share=5)
    times(made, *[0.1] * ENOUGH)
    second = sum(made.delay() is not None and made.spend() for _ in range(1000))
    assert 48 <= second <= 50


def test_a_calm_time_saves_up_only_a_few() -> None:
    made = funded(hedging(max_share=50))
    times(made, *[0.1] * ENOUGH)
    in_a_row = 0
    while made.spend():
        in_a_row += 1
    assert in_a_row == SAVED
    assert made.delay() is None


def test_requests_that_were_promised_the_same_budget_do_not_all_get_it() -> None:
    made = hedging(max_share=50)
    times(made, *[0.1] * ENOUGH)
    promised = [made.delay() for _ in range(3)]
    assert promised == [None, 0.1, 0.1]
    assert [made.spend(), made.spend()] == [True, False]


@given(
    st.integers(1, 50),
    st.lists(st.sampled_from(["ask", "spend", "answer"]), max_size=400),
    st.lists(st.floats(0, 60), min_size=1, max_size=20),
)
def test_never_more_than_the_share_begins(
    share: int, steps: list[str], seconds: list[float]
) -> None:
    made = hedging(max_share=share)
    times(made, *(next_s for next_s, _ in zip(cycle(seconds), range(ENOUGH), strict=False)))
    asked = spent = 0
    for step in steps:
        if step == "ask":
            asked += 1
            delay_s = made.delay()
            assert delay_s is None or 0.001 <= delay_s <= max(0.001, *seconds)
        elif step == "spend":
            spent += made.spend()
        else:
            made.observe(seconds[0])
    assert spent <= asked * share / 100 + 1e-6
