from __future__ import annotations

import hiredis
from structlog.testing import capture_logs

from sluicegate.metrics import Metrics
from sluicegate.state.redis.breaker import Watch
from sluicegate.state.redis.calls import CallCounts
from sluicegate.state.redis.resp import Trouble
from support.mock_clock import MockClock

FULL = Trouble(hiredis.ReplyError("OOM command not allowed"))
MOVED = Trouble(hiredis.ReplyError("MOVED 1 b:1"))


def test_outcomes_are_counted_at_scrape() -> None:
    metrics = Metrics()
    counts = CallCounts(MockClock(), metrics, Watch(metrics))
    counts.ok, counts.late, counts.away = 3, 2, 1
    counts.refused("server", FULL)
    (calls,) = [each for each in metrics.dump() if each.name == "sluicegate_state_calls_total"]
    found = {series.values[0]: series.number for series in calls.series}
    assert found == {"ok": 3, "late": 2, "away": 1, "oom": 1}


def test_errors_are_said_once_a_second() -> None:
    clock, metrics = MockClock(), Metrics()
    counts = CallCounts(clock, metrics, Watch(metrics))
    with capture_logs() as lines:
        for _ in range(20):
            counts.refused("server", FULL)
            clock.advance(0.1)
    assert [line["error"] for line in lines] == ["OOM", "OOM"]


def test_a_server_refuses_until_it_does_what_it_is_asked() -> None:
    metrics = Metrics()
    counts = CallCounts(MockClock(), metrics, Watch(metrics))
    counts.refused("server", MOVED)
    assert not counts.refusing
    counts.refused("server", FULL)
    counts.accepted("other")
    assert list(counts.refusing) == ["server"]
    counts.accepted("server")
    assert not counts.refusing
