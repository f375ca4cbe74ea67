"""One address of a service."""

from __future__ import annotations

from structlog.testing import capture_logs

from sluicegate.errors import ConnectFailed
from support.services import service, surroundings


def test_a_failed_attempt_is_counted_and_said_once_a_second() -> None:
    shared = surroundings()
    (target,) = service(shared, targets=["http://a:81"]).targets
    with capture_logs() as lines:
        target.failed(ConnectFailed("refused"))
        target.failed(ConnectFailed("refused"))
        shared.deadlines.now += 1
        target.failed(ConnectFailed("refused again"))
    assert [(line["target"], line["detail"]) for line in lines] == [
        ("a:81", "refused"),
        ("a:81", "refused again"),
    ]
    family = shared.metrics.families["sluicegate_upstream_failures_total"]
    assert family.cell("s", "a:81", "connect_failed").value == 3


def test_a_target_knows_where_it_is_and_what_it_is_called() -> None:
    (target,) = service(
        targets=[{"url": "http://a:81", "zone": "x", "labels": {"version": "2"}, "weight": 7}]
    ).targets
    assert (target.label, target.zone, target.labels) == ("a:81", "x", {"version": "2"})
    assert (target.weight, target.in_flight, target.available) == (7, 0, True)
