"""The time that a caller has left; what the policy makes of its settings is in test_deadline."""

from __future__ import annotations

from math import inf

import pytest

from sluicegate.errors import BAD_HEADER, DEADLINE_PASSED, Refused
from sluicegate.exchange import Exchange
from sluicegate.journey.screen.countdown import Countdown
from support.exchanges import exchange
from support.mock_clock import MockClock


async def _done(_: Exchange) -> None:
    """Answer nothing."""


def taken(countdown: Countdown, *given: str) -> Exchange:
    asked = exchange(headers=[("x-left", each) for each in given])
    countdown.handle(asked, _done).close()  # type: ignore[attr-defined]
    return asked


@pytest.mark.parametrize(
    ("default_s", "max_s", "given", "left_s"),
    [
        (inf, inf, (), inf),
        (3.0, inf, (), 3.0),
        (3.0, 2.0, (), 2.0),
        (inf, inf, ("1500",), 1.5),
        (inf, 1.0, ("1500",), 1.0),
        (0.5, 2.0, ("1500 ",), 1.5),
    ],
)
def test_the_deadline_is_what_is_left(
    default_s: float, max_s: float, given: tuple[str, ...], left_s: float
) -> None:
    asked = taken(Countdown("X-Left", default_s, max_s), *given)
    assert asked.deadline - asked.started_at == pytest.approx(left_s)
    assert asked.deadline_header == (None if left_s == inf else b"x-left")
    assert asked.request.headers.get(b"x-left") is None


@pytest.mark.parametrize("given", [("1", "2"), ("x",), ("-1",), ("12345678901",)])
def test_what_is_no_number_of_milliseconds_is_refused(given: tuple[str, ...]) -> None:
    with pytest.raises(Refused) as refused:
        taken(Countdown("x-left", inf, inf), *given)
    assert refused.value.problem is BAD_HEADER


def test_a_caller_that_does_not_wait_any_more_is_told_so() -> None:
    clock = MockClock()
    asked = exchange(headers=[("x-left", "100")], clock=clock)
    clock.advance(0.1)
    with pytest.raises(Refused) as refused:
        Countdown("x-left", inf, inf).handle(asked, _done)
    assert refused.value.problem is DEADLINE_PASSED
