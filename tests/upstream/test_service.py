"""A service at run time."""

from __future__ import annotations

from collections import Counter

import pytest

from sluicegate.errors import ConfigError
from sluicegate.model.route import RouteTimeouts
from sluicegate.upstream.service import Surroundings, UpstreamService
from support.exchanges import exchange
from support.mock_clock import MockClock
from support.services import service, surroundings

ALL = RouteTimeouts()


def picks(made: UpstreamService, count: int) -> Counter[str]:
    """Return how often each target is chosen, by label; `-` for none."""
    destination = made.destination({}, ALL)
    chosen = [destination.pick(exchange()) for _ in range(count)]
    return Counter("-" if each is None else each.label for each in chosen)


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


@pytest.mark.parametrize("balance", ["weighted_round_robin", "least_requests", "peak_ewma"])
def test_targets_are_picked_by_weight_and_never_with_weight_0(balance: str) -> None:
    made = service(
        targets=[
            {"url": "http://a", "weight": 3},
            {"url": "http://b", "weight": 1},
            {"url": "http://c", "weight": 0},
        ],
        balance=balance,
    )
    chosen = picks(made, 1000)
    assert set(chosen) == {"a", "b"}
    assert 650 < chosen["a"] < 850


def test_a_target_that_is_not_available_is_not_picked() -> None:
    made = service(targets=["http://a", "http://b"])
    made.targets[0].available = False
    assert picks(made, 50) == {"b": 50}
    made.targets[1].available = False
    assert picks(made, 1) == {"-": 1}


def test_a_file_of_certificates_that_is_not_there_is_found_when_the_service_is_built() -> None:
    with pytest.raises(ConfigError):
        service(targets=["https://a"], tls={"ca": "/no/such/file.pem"})


def test_closing_lets_every_pool_go() -> None:
    made = service(targets=["http://a", "http://b"])
    made.close()
    assert all(each.pool.closed for each in made.targets)


@pytest.mark.parametrize(("workers", "calls"), [(1, 20), (2, 10), (3, 7), (4, 5), (16, 5)])
def test_the_calls_before_a_breaker_opens_are_shared_out_among_workers(
    workers: int, calls: int
) -> None:
    made = service(surroundings(workers=workers), targets=["http://a"], ejection=None)
    (target,) = made.targets
    for count in range(1, calls + 1):
        assert target.available, count
        target.standing.ended(target.standing.begin(), bad=True)
    assert not target.available


def test_targets_that_stay_keep_their_standing_when_a_service_is_changed() -> None:
    shared = surroundings()
    before = service(shared, targets=["http://a", "http://b"])
    for _ in range(5):
        standing = before.targets[0].standing
        standing.ended(standing.begin(), bad=True, unreachable=True)
    before.targets[1].latency.observe(2.0, 1.0)
    after = service(shared, before, targets=["http://c", "http://b", "http://a"])
    before.close()
    assert [each.available for each in after.targets] == [True, True, False]
    assert after.targets[1].latency is before.targets[1].latency
    assert picks(after, 50).keys() == {"b", "c"}


def test_a_target_that_joins_others_starts_slowly_and_the_first_ones_do_not() -> None:
    shared = surroundings()
    before = service(shared, targets=["http://a"], slow_start="10s")
    after = service(shared, before, targets=["http://a", "http://b"], slow_start="10s")
    assert after.targets[0].weight == before.targets[0].weight
    assert after.targets[1].weight < after.targets[0].weight


def test_retries_left_are_shown_at_a_scrape() -> None:
    shared = surroundings()
    made = service(shared, targets=["http://a"])
    assert _gauge(shared, "sluicegate_retry_budget_left") == 3
    made.budget.live = 100
    made.budget.take()
    assert _gauge(shared, "sluicegate_retry_budget_left") == 19
    made.close()
    made.budget.live = 0
    assert _gauge(shared, "sluicegate_retry_budget_left") == 19, "nobody looks at it any more"


def test_attempts_of_all_kinds_are_counted() -> None:
    shared = surroundings(MockClock())
    made = service(shared, targets=["http://a"])
    made.retried("503")
    made.not_retried("budget")
    made.hedged("won")
    families = shared.metrics.families
    assert families["sluicegate_retries_total"].cell("s", "503").value == 1
    assert families["sluicegate_retries_denied_total"].cell("s", "budget").value == 1
    assert families["sluicegate_hedges_total"].cell("s", "won").value == 1


def _gauge(shared: Surroundings, name: str) -> float:
    (dump,) = (each for each in shared.metrics.dump() if each.name == name)
    return dump.series[0].number
