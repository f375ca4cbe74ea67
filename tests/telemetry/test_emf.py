from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.cli.declared import families
from sluicegate.metrics import Metrics, Series
from sluicegate.telemetry.emf import TOLD, Emf

NOW_US = 1_700_000_000_000_000
MOST_METRICS, MOST_DIMENSIONS, MOST_VALUES = 100, 30, 100
"""The specification's."""


def requests(metrics: Metrics, route: str, status: str, count: int = 1) -> None:
    family = metrics.family(
        "sluicegate_requests_total", "counter", "x", ("route", "method", "status")
    )
    family.cell(route, "GET", status).value += count


def took(metrics: Metrics, route: str, seconds: float) -> None:
    family = metrics.family("sluicegate_request_duration_seconds", "histogram", "x", ("route",))
    family.histogram(route).observe(seconds)


def told(emf: Emf, metrics: Metrics, now_us: int = NOW_US) -> list[dict[str, Any]]:
    lines = emf.lines(metrics.dump(), now_us)
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    return [json.loads(line) for line in lines]


def make(*by: str) -> Emf:
    return Emf("Sluicegate", "eu", "replica-1", by)


def test_a_line_is_an_event_of_which_cloudwatch_makes_metrics() -> None:
    metrics = Metrics()
    requests(metrics, "shop", "200", 3)
    (line,) = told(make(), metrics)
    assert line == {
        "_aws": {
            "Timestamp": NOW_US // 1000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Sluicegate",
                    "Dimensions": [["Region"]],
                    "Metrics": [
                        {"Name": "Requests", "Unit": "Count"},
                        {"Name": "ServerErrors", "Unit": "Count"},
                        {"Name": "ClientErrors", "Unit": "Count"},
                    ],
                }
            ],
        },
        "Region": "eu",
        "Replica": "replica-1",
        "Requests": 3,
        "ServerErrors": 0,
        "ClientErrors": 0,
    }


def test_counters_are_told_as_what_was_added_since_the_last_line() -> None:
    metrics, emf = Metrics(), make()
    requests(metrics, "shop", "200", 3)
    told(emf, metrics)
    requests(metrics, "shop", "503", 2)
    requests(metrics, "shop", "429", 1)
    (line,) = told(emf, metrics)
    assert (line["Requests"], line["ServerErrors"], line["ClientErrors"]) == (3, 2, 1)
    (line,) = told(emf, metrics)
    assert line["Requests"] == 0


def test_each_route_that_had_something_to_tell_has_a_line_of_its_own() -> None:
    metrics, emf = Metrics(), make("route")
    requests(metrics, "shop", "200", 2)
    requests(metrics, "quiet", "200", 1)
    told(emf, metrics)
    requests(metrics, "shop", "200", 4)
    sums, shop = told(emf, metrics)
    assert sums["Requests"] == 4
    assert (shop["Route"], shop["Requests"]) == ("shop", 4)
    assert shop["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Region", "Route"]]


def test_times_are_told_as_values_with_counts() -> None:
    metrics, emf = Metrics(), make()
    for seconds in (0.003, 0.004, 0.2, 90.0):
        took(metrics, "shop", seconds)
    (line,) = told(emf, metrics)
    assert line["Duration"] == {
        "Values": [0.00375, 0.175, 60.0],
        "Counts": [2, 1, 1],
        "Min": 0.0025,
        "Max": 60.0,
        "Count": 4,
        "Sum": 90.207,
    }
    assert told(emf, metrics) == []


def test_gauges_are_told_as_they_are() -> None:
    metrics, emf = Metrics(), make()
    breakers = metrics.family("sluicegate_breaker_state", "gauge", "x", ("service", "target"))
    for number, state in enumerate((0, 1, 2)):
        breakers.cell("shop", str(number)).value = state
    metrics.family("sluicegate_state_up", "gauge", "x").cell().value = 0
    expires = "sluicegate_certificate_expires_timestamp_seconds"
    metrics.family(expires, "gauge", "x").cell().value = NOW_US / 1e6 + 3600
    (line,) = told(emf, metrics)
    assert (line["TargetsOut"], line["StateUp"], line["CertificateLeft"]) == (2, 0, 3600)


def test_dollars_are_dollars_and_failures_are_no_calls_that_went_well() -> None:
    metrics, emf = Metrics(), make("model")
    cost = metrics.family("sluicegate_cost_nano_usd_total", "counter", "x", ("consumer", "model"))
    cost.cell("acme", "smart").value = 2_500_000_000
    calls = metrics.family(
        "sluicegate_model_calls_total", "counter", "x", ("model", "deployment", "outcome")
    )
    for outcome in ("ok", "cancelled", "rate_limited"):
        calls.cell("smart", "a", outcome).value = 1
    sums, smart = told(emf, metrics)
    assert sums["CostUsd"] == smart["CostUsd"] == 2.5
    assert (smart["Model"], smart["ModelCalls"], smart["ModelFailures"]) == ("smart", 3, 1)


def test_every_metric_that_is_told_is_counted_somewhere() -> None:
    known = {family.name: family for family in families()}
    for one in TOLD:
        family = known[one.family]
        assert {one.by, one.label} - {""} <= set(family.labels)
        assert (family.kind == "histogram") == (one.kind == "spread")
        assert (family.kind == "counter") == (one.kind == "added")


def test_series_are_read_once_however_many_routes_there_are() -> None:
    """Beside requests, in the same loop: time that grows with routes and series is a pause."""

    class Counted(list[Series]):
        passes = 0

        def __iter__(self) -> Iterator[Series]:
            self.passes += 1
            return super().__iter__()

    metrics, emf = Metrics(), make("route")
    for number in range(50):
        requests(metrics, f"route-{number}", "200")
    (family,) = metrics.dump()
    family.series = series = Counted(family.series)
    assert len(emf.lines([family], NOW_US)) == 51
    assert series.passes == len([one for one in TOLD if one.family == family.name])


EXCHANGES = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["200", "502"])), max_size=30
)


@given(EXCHANGES, st.integers(0, 5))
def test_nothing_is_told_twice_and_nothing_is_lost(
    exchanges: list[tuple[str, str]], every: int
) -> None:
    metrics, emf = Metrics(), make("route", "model")
    lines = []
    for number, (route, status) in enumerate(exchanges):
        requests(metrics, route, status)
        took(metrics, route, 0.01)
        if every and number % every == 0:
            lines += told(emf, metrics)
    lines += told(emf, metrics)
    sums = [line for line in lines if "Route" not in line]
    assert sum(line["Requests"] for line in sums) == len(exchanges)
    assert sum(line.get("Duration", {"Count": 0})["Count"] for line in sums) == len(exchanges)
    for route in "abc":
        own = [line for line in lines if line.get("Route") == route]
        assert sum(line.get("Requests", 0) for line in own) == [r for r, _ in exchanges].count(
            route
        )


def test_lines_keep_the_bounds_of_the_specification() -> None:
    assert len(TOLD) <= MOST_METRICS
    assert len({one.name for one in TOLD}) == len(TOLD)
    metrics = Metrics()
    took(metrics, "shop", 1.0)
    (line,) = told(make(), metrics)
    assert len(line["Duration"]["Values"]) <= MOST_VALUES
    assert all(
        len(one) <= MOST_DIMENSIONS for one in line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    )
