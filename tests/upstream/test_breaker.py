"""The window and the trial of a circuit breaker."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.model.resilience import Breaker
from sluicegate.model.units import Duration
from sluicegate.upstream.breaker import Trial, Window


def opened_at(window: Window, outcomes: str) -> int | None:
    """Record `outcomes`, `x` for a bad one; return the number of the first that opens."""
    for number, outcome in enumerate(outcomes, 1):
        if window.record(outcome == "x"):
            return number
    return None


@pytest.mark.parametrize(
    ("size", "min_calls", "percent", "outcomes", "opens"),
    [
        (10, 4, 50, "xxx", None),  # too few calls to judge
        (10, 4, 50, "xxxx", 4),
        (10, 4, 50, "xx..", 4),  # the rate equal to the threshold opens, if on a good call
        (10, 4, 50, "x.x.", 4),
        (10, 4, 50, "x..x.x", 4),
        (10, 4, 51, ".x.x.x.x", None),
        (10, 4, 1, "....", None),  # no failure, no reason
        (4, 100, 50, "xxxx", 4),  # the window's size bounds the minimum
        (4, 1, 75, "x", 1),
        (4, 4, 50, "x...x...x...", None),
        (4, 4, 50, "x.....x.x", 9),  # the first one has left the window
        (1, 1, 100, ".x", 2),
    ],
)
def test_it_opens_at_the_share_of_bad_calls(
    size: int, min_calls: int, percent: int, outcomes: str, opens: int | None
) -> None:
    assert opened_at(Window(size, min_calls, percent), outcomes) == opens


@given(
    size=st.integers(1, 12),
    min_calls=st.integers(1, 15),
    percent=st.integers(1, 100),
    outcomes=st.lists(st.booleans(), max_size=60),
)
def test_it_judges_as_one_who_keeps_every_outcome(
    size: int, min_calls: int, percent: int, outcomes: list[bool]
) -> None:
    window = Window(size, min_calls, percent)
    for count, bad in enumerate(outcomes, 1):
        last = outcomes[max(0, count - size) : count]
        share = Fraction(100 * sum(last), len(last))
        enough = len(last) >= min(min_calls, size)
        assert window.record(bad) is (enough and any(last) and share >= percent)
        assert window.outcomes() == last


@given(
    sizes=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    before=st.lists(st.booleans(), max_size=30),
    after=st.lists(st.booleans(), max_size=30),
)
def test_one_that_resumes_goes_on_with_the_newest_outcomes(
    sizes: tuple[int, int], before: list[bool], after: list[bool]
) -> None:
    first, second = Window(sizes[0], 1, 100), Window(sizes[1], 1, 100)
    for bad in before:
        first.record(bad)
    second.resume(first)
    for bad in after:
        second.record(bad)
    assert second.outcomes() == [*before[-sizes[0] :], *after][-sizes[1] :]


def test_a_window_that_is_reset_has_seen_nothing() -> None:
    window = Window(4, 2, 50)
    assert opened_at(window, "xx") == 2
    window.reset()
    assert window.outcomes() == []
    assert opened_at(window, ".x") == 2


def test_a_trial_is_passed_when_all_its_calls_were() -> None:
    trial = Trial(Breaker(probes=3), 0.0)
    assert trial.permits == 0
    trial.begin()
    assert trial.permits == 3
    assert [trial.passed() for _ in range(3)] == [False, False, True]
    trial.begin()
    assert not trial.enough


@pytest.mark.parametrize(
    ("probes", "permits", "enough"), [(4, 1, False), (6, 3, False), (2, 0, False), (1, 0, True)]
)
def test_a_trial_that_resumes_knows_what_is_in_flight(
    probes: int, permits: int, *, enough: bool
) -> None:
    before = Trial(Breaker(probes=4), 0.0)
    before.begin()
    before.permits -= 3
    before.passed()
    trial = Trial(Breaker(probes=probes), 0.0)
    trial.resume(before)
    assert (trial.permits, trial.enough) == (permits, enough)


@pytest.mark.parametrize(
    ("breaker", "time_s", "patience_s"),
    [
        (Breaker(), 30.0, 3.0),
        (Breaker(slow=Duration(0)), 30.0, 60.0),
        (Breaker(slow=Duration(0.1)), 30.0, 1.0),
        (None, 30.0, 30.0),
        (None, 0.0, 1.0),
    ],
)
def test_a_trial_waits_until_its_calls_are_slow(
    breaker: Breaker | None, time_s: float, patience_s: float
) -> None:
    assert Trial(breaker, time_s).patience_s == patience_s
