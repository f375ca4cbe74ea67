"""A service at run time."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from structlog.testing import capture_logs

from sluicegate.errors import ConfigError, ConnectFailed
from sluicegate.metrics import Metrics
from sluicegate.model.service import Service
from sluicegate.model.units import convert
from sluicegate.upstream.contexts import ClientContexts
from sluicegate.upstream.service import UpstreamService
from sluicegate.wire.deadlines import Deadlines
from support.mock_clock import MockClock

RESOLVER: Any = None


def service(**config: Any) -> UpstreamService:
    """Build a service; nothing connects."""
    return UpstreamService(
        "s", convert(config, Service), RESOLVER, Deadlines(MockClock()), Metrics(), ClientContexts()
    )


def test_targets_have_a_label_a_weight_and_a_default_port() -> None:
    made = service(targets=["http://a:81", {"url": "https://b", "weight": 5}, "http://[::1]"])
    assert [(each.label, each.weight) for each in made.targets] == [
        ("a:81", 1),
        ("b", 5),
        ("[::1]", 1),
    ]
    assert [(each.pool._host, each.pool._port) for each in made.targets] == [
        ("a", 81),
        ("b", 443),
        ("::1", 80),
    ]


def test_the_clients_host_is_sent_on_unless_told_otherwise() -> None:
    assert service(targets=["http://a:81"]).targets[0].host_header is None
    assert service(targets=["http://a:81"], preserve_host=False).targets[0].host_header == b"a:81"


@pytest.mark.parametrize("balance", ["weighted_round_robin", "least_requests"])
def test_targets_are_picked_by_weight_and_never_with_weight_0(balance: str) -> None:
    made = service(
        targets=[
            {"url": "http://a", "weight": 3},
            {"url": "http://b", "weight": 1},
            {"url": "http://c", "weight": 0},
        ],
        balance=balance,
    )
    picks = Counter((made.pick() or made.targets[2]).label for _ in range(1000))
    assert picks["c"] == 0
    assert 650 < picks["a"] < 850


def test_a_target_that_is_not_available_is_not_picked() -> None:
    made = service(targets=["http://a", "http://b"])
    made.targets[0].available = False
    assert {(made.pick() or made.targets[0]).label for _ in range(50)} == {"b"}
    made.targets[1].available = False
    assert made.pick() is None


def test_a_file_of_certificates_that_is_not_there_is_found_when_the_service_is_built() -> None:
    with pytest.raises(ConfigError):
        service(targets=["https://a"], tls={"ca": "/no/such/file.pem"})


def test_closing_lets_every_pool_go() -> None:
    made = service(targets=["http://a", "http://b"])
    made.close()
    assert all(each.pool.closed for each in made.targets)


def test_a_failed_attempt_is_counted_and_said_once_a_second() -> None:
    metrics, clock = Metrics(), MockClock()
    deadlines = Deadlines(clock)
    config = convert({"targets": ["http://a:81"]}, Service)
    (target,) = UpstreamService("s", config, RESOLVER, deadlines, metrics, ClientContexts()).targets
    with capture_logs() as lines:
        target.failed(ConnectFailed("refused"))
        target.failed(ConnectFailed("refused"))
        deadlines.now += 1
        target.failed(ConnectFailed("refused again"))
    assert [(line["target"], line["detail"]) for line in lines] == [
        ("a:81", "refused"),
        ("a:81", "refused again"),
    ]
    family = metrics.families["sluicegate_upstream_failures_total"]
    assert family.cell("s", "a:81", "connect_failed").value == 3
