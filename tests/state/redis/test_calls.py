from __future__ import annotations

import hiredis
from structlog.testing import capture_logs

from sluicegate.metrics import Metrics
from sluicegate.state.redis.calls import CallCounts
from sluicegate.state.redis.resp import Trouble
from support.mock_clock import MockClock

FULL = Trouble(hiredis.ReplyError("OOM command not allowed"))


def test_outcomes_are_counted_at_scrape() -> None:
    metrics = Metrics()
    counts = CallCounts(MockClock(), metrics)
    counts.ok, counts.late, counts.away = 3, 2, 1
    counts.refused("server", FULL)
    (calls,) = [each for each in metrics.dump() if each.name == "sluicegate_state_calls_total"]
    found = {series.values[0]: series.number for series in calls.series}
    assert found == {"ok": 3, "late": 2, "away": 1, "oom": 1}


def test_errors_are_said_once_a_second() -> None:
    clock = MockClock()
    counts = CallCounts(clock, Metrics())
    with capture_logs() as lines:
        for _ in range(20):
            counts.refused("server", FULL)
            clock.advance(0.1)
    assert [line["error"] for line in lines] == ["OOM", "OOM"]
