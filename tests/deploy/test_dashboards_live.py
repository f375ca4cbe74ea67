"""The dashboards' queries, asked of a real Prometheus that scrapes three real replicas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

import pytest

from support.dashboards import NAMES, ROOT, Query, choices, queries
from support.observed_replicas import Observed, observed
from support.ports import eventually
from support.postgres import Postgres
from support.prometheus_server import Prometheus, now
from support.promql import named

WINDOW = "5s"
"""In place of `$__rate_interval`, which is four times the interval of scrapes: that is a second."""
PAGE = (ROOT / "docs/observability.md").read_text()
ROUNDS = 2
"""Twice, so that what begins with its first event is seen to grow by the second one."""
STILL = {
    "sluicegate_addresses_refused_total": "targets are where they may be",
    "sluicegate_archive_broken_total": "everything was sealed under the keys there are",
    "sluicegate_archive_expired_total": "nothing is old enough",
    "sluicegate_cache_evicted_total": "there is more room than is asked for",
    "sluicegate_client_connections_shed_total": "nobody has that many connections",
    "sluicegate_dns_failures_total": "targets are addresses",
    "sluicegate_ledger_lag_seconds": "lines are moved between two scrapes",
    "sluicegate_embedded_restarts_total": "the state is a server of its own",
    "sluicegate_json_untouched_total": "the service answers plain JSON",
    "sluicegate_keys_unpeppered_total": "all peppers are known",
    "sluicegate_ledger_lost_total": "the state was away for too short a time",
    "sluicegate_ledger_overflowed_total": "there is room for all lines",
    "sluicegate_ledger_swept_total": "nobody was killed in the middle of a call",
    "sluicegate_ledger_unread_total": "all replicas are of one version",
    "sluicegate_limit_own_unfit_total": "nobody has a limit of their own",
    "sluicegate_limit_unsettled_total": "the state was away for too short a time",
    "sluicegate_log_dropped_total": "somebody reads it",
    "sluicegate_spans_dropped_total": "the collector takes them",
    "sluicegate_state_evicted_total": "the state is a server of its own",
    "sluicegate_state_evicts": "the server forgets nothing",
    "sluicegate_state_keys": "the state is a server of its own",
    "sluicegate_store_seals_refused_total": "nobody forges",
    "sluicegate_store_snapshot_write_failures_total": "the disk has room",
    "sluicegate_store_unfit_resources": "everything stored fits",
    "sluicegate_worker_stale": "workers answer",
}
"""Metrics that are there and may stay at 0 here, and why."""


@dataclass
class Watched:
    """The replicas, and who watches them."""

    at: Observed
    prometheus: Prometheus

    @property
    def names(self) -> set[str]:
        """What the replicas are called."""
        return {each.file.parent.name for each in self.at.replicas}


@dataclass
class Scene(Watched):
    """The same after their traffic, which was between these times."""

    began: float
    ended: float


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Watched]:
    """Start the replicas, and a Prometheus that has found all of them."""
    folder = tmp_path_factory.mktemp("observed")
    with observed(folder, postgres) as at:
        ports = {each.file.parent.name: each.management for each in at.replicas}
        with Prometheus(folder, ports) as prometheus:
            eventually(
                lambda: set(prometheus.targets().values()) == {"up"},
                "all are scraped",
                within_s=30,
                every_s=0.1,
            )
            yield Watched(at, prometheus)


@pytest.fixture(scope="module")
def scene(watched: Watched) -> Scene:
    """Let everything happen once, under the eyes of Prometheus."""
    at, prometheus, began = watched.at, watched.prometheus, now()
    for _ in range(ROUNDS):
        at.trouble()
        at.turn()
        scraped_again(prometheus)
        with at.held():
            scraped_again(prometheus)
    return Scene(at, prometheus, began, now())


def scraped_again(prometheus: Prometheus) -> None:
    seen = scrapes(prometheus)
    eventually(
        lambda: scrapes(prometheus) > seen + 1, "all are scraped again", within_s=30, every_s=0.1
    )


def scrapes(prometheus: Prometheus) -> float:
    """Return how often every replica was scraped and answered in time."""
    counted = prometheus.query("min(sum_over_time(up[5m]))")
    return float(counted[0]["value"][1]) if counted else 0


def only_still(query: Query) -> bool:
    return {each.metric for each in named(query.text)[0]} <= STILL.keys()


def values(series: list[dict[str, Any]]) -> list[float]:
    return [float(value) for each in series for _, value in each["values"]]


def test_each_replica_is_a_target_of_its_own(watched: Watched) -> None:
    assert watched.prometheus.targets() == dict.fromkeys(watched.names, "up")
    assert len(watched.names) == 3
    counted = watched.prometheus.query("count by (instance) (sluicegate_build_info)")
    assert {each["metric"]["instance"] for each in counted} == watched.names


@pytest.mark.parametrize("name", NAMES)
def test_every_query_of_a_dashboard_returns_series(scene: Scene, name: str) -> None:
    silent, still = [], []
    for query in queries(name):
        found = scene.prometheus.over(query.asked(WINDOW), scene.began, scene.ended)
        numbers = [number for number in values(found) if isfinite(number)]
        if not numbers:
            silent.append(f"{query.name}: {query.text}")
        elif not any(numbers) and not only_still(query):
            still.append(f"{query.name}: {query.text}")
    assert not silent, "\n".join(silent)
    assert not still, "\n".join(still)


@pytest.mark.parametrize("name", NAMES)
def test_there_is_something_to_choose(scene: Scene, name: str) -> None:
    for label, match in choices(name):
        assert scene.prometheus.labels(label, match), f"{label} of {match}"


def test_lines_of_the_access_log_have_the_fields_that_the_page_tells_of(scene: Scene) -> None:
    told = PAGE.partition("## Access log")[2].partition("\n## ")[0]
    fields = re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE)
    lines = [line for each in scene.at.replicas for line in each.access_log()]
    calls = [list(line) for line in lines if "model" in line]
    others = [list(line) for line in lines if "model" not in line]
    assert all(line == fields for line in calls)
    assert all(line == fields[: fields.index("model")] for line in others)
    assert calls
    assert others
