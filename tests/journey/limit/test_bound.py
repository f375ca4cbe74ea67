"""The gauge of how far a limit can be off."""

from __future__ import annotations

from math import inf

import pytest

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.leased import Leased
from sluicegate.journey.limit.algorithms.regional_window import RegionalWindow
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket
from sluicegate.journey.limit.bound import Bounds, over_admission
from sluicegate.journey.limit.rate_limit import Config, Policy
from sluicegate.state.contract import Algorithm, Crew, Limit
from support.exchanges import parts
from support.mock_clock import MockClock

MINUTE_US = 60_000_000
WINDOW = FixedWindow(1000, MINUTE_US)
BUCKET = TokenBucket(10, 1_000_000, 20)
CREW = Crew(6, 0)


@pytest.mark.parametrize(
    ("algorithm", "regions", "bound"),
    [
        (WINDOW, 1, 0),
        (TokenBucket(10, 1_000_000, 20), 1, 0),
        (Leased(WINDOW, 100), 1, 0),
        (Leased(TokenBucket(10, 1_000_000, 20), 5), 1, 5),
        (Leased(TokenBucket(10, 1_000_000, 20), 5, strict=True), 1, 0),
        (RegionalWindow(1000, MINUTE_US, 750), 2, 500),
        (RegionalWindow(1000, MINUTE_US, 1000), 1, 0),
    ],
)
def test_while_the_state_answers(algorithm: Algorithm, regions: int, bound: float) -> None:
    limit = Limit("label", algorithm)
    assert over_admission(limit, "share", CREW, regions, up=True) == bound


@pytest.mark.parametrize(
    ("algorithm", "away", "bound"),
    [
        (WINDOW, "share", 1000),
        (WINDOW, "local", 6000),
        (WINDOW, "allow", inf),
        (WINDOW, "deny", 0),
        (BUCKET, "share", 40),
        (BUCKET, "local", inf),
        (Leased(BUCKET, 5), "share", 45),
        (Leased(BUCKET, 5), "deny", 5),
    ],
)
def test_while_it_is_away(algorithm: Algorithm, away: str, bound: float) -> None:
    assert over_admission(Limit("label", algorithm), away, CREW, 1, up=False) == bound


def test_every_limit_that_runs_has_a_series_and_none_that_is_gone() -> None:
    made = parts(MockClock())
    running = [("route:a", Policy(Config(allow=["10/second", "99/day"]), made).rules[0])]
    up = [True]
    bounds = Bounds(made.metrics, lambda: running, lambda: CREW, lambda: up[0], 1)
    bounds.look()
    family = made.metrics.families["sluicegate_limit_bound"]
    assert set(family.series) == {("route:a", "10-second"), ("route:a", "99-day")}
    up[0] = False
    made.metrics.dump()
    assert family.cell("route:a", "99-day").value == 99
    running.clear()
    made.metrics.dump()
    assert not family.series
