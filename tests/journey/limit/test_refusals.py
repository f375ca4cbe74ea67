"""What is remembered of refusals, and for how long."""

from __future__ import annotations

from sluicegate.journey.limit import refusals
from sluicegate.journey.limit.refusals import Refusals
from sluicegate.state.contract import NEVER, Outcome

REFUSED = Outcome(False, 10, 0, 3_000_000, 800_000)


def test_a_refusal_holds_until_the_time_that_it_named_and_no_longer() -> None:
    known = Refusals()
    known.remember("ada", [REFUSED], 100.0)
    assert known.find("ada", 100.799) is not None
    assert known.find("ada", 100.8) is None
    assert known.find("ada", 100.5) is None, "it is not there any more"


def test_a_long_wait_is_asked_about_every_second_for_somebody_may_have_reset_it() -> None:
    known = Refusals()
    known.remember("ada", [Outcome(False, 3, 0, 9_000_000, 9_000_000)], 100.0)
    assert known.find("ada", 100.999) is not None
    assert known.find("ada", 101.0) is None


def test_times_are_told_as_of_now() -> None:
    known = Refusals()
    known.remember("ada", [REFUSED], 100.0)
    found = known.find("ada", 100.5)
    assert found is not None
    assert [(one.remaining, one.reset_us, one.retry_after_us) for one in found] == [
        (0, 2_500_000, 300_000)
    ]


def test_of_several_limits_the_longest_wait_counts() -> None:
    known = Refusals()
    admits = Outcome(True, 5, 4, 1_000_000, 0)
    known.remember("ada", [REFUSED, admits], 100.0)
    assert known.find("ada", 100.7) is not None


def test_nobody_else_is_refused() -> None:
    known = Refusals()
    known.remember("ada", [REFUSED], 100.0)
    assert known.find("bob", 100.5) is None


def test_what_never_fits_is_asked_again() -> None:
    known = Refusals()
    known.remember("ada", [Outcome(False, 10, 10, 0, NEVER)], 100.0)
    assert known.find("ada", 100.0) is None


def test_the_memory_is_bounded_and_the_oldest_goes_first() -> None:
    known = Refusals()
    for number in range(refusals.MOST + 1):
        known.remember(f"caller-{number}", [REFUSED], 100.0)
    assert known.find("caller-0", 100.5) is None
    assert known.find("caller-1", 100.5) is not None
    assert known.find(f"caller-{refusals.MOST}", 100.5) is not None
