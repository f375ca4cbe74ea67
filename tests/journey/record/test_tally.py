"""The memory of `metrics`: bounded, and no loss when it starts anew."""

from __future__ import annotations

import pytest

from sluicegate.journey.record.tally import MOST_SERIES, Tally
from sluicegate.metrics import Metrics
from support.exchanges import body, exchange, run, target
from support.mock_clock import MockClock


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def tally(metrics: Metrics) -> Tally:
    return Tally(
        MockClock(),
        requests=metrics.family("requests", "counter", "", ("route", "method", "status")),
        seconds=metrics.family("seconds", "histogram", "", ("route",)),
        bytes_in=metrics.family("bytes_in", "counter", "", ("route",)),
        bytes_out=metrics.family("bytes_out", "counter", "", ("route",)),
        incomplete=metrics.family("incomplete", "counter", "", ("route",)),
        in_flight=metrics.family("in_flight", "gauge", "").cell(),
    )


def test_what_is_remembered_is_bounded_and_counts_stay(metrics: Metrics) -> None:
    made = tally(metrics)
    for number in range(MOST_SERIES + 5):
        made._remember((f"route-{number}", "GET", 200))
        made._route(f"route-{number}")
    assert len(made._requests_cells) <= MOST_SERIES
    assert len(made._routes) <= MOST_SERIES
    run(made, exchange(route="route-0"))
    run(made, exchange(route="route-0"))
    assert metrics.families["requests"].cell("route-0", "GET", "200").value == 2


def test_routes_that_no_byte_went_through_have_series_that_say_so(metrics: Metrics) -> None:
    made = tally(metrics)
    run(made, exchange(route="silent"))
    run(made, exchange(route="loud", request_body=body(b"12")), target(200, data=b"123"))
    for family, expected in (("bytes_in", (0, 2)), ("bytes_out", (0, 3))):
        series = metrics.families[family].series
        assert {("silent",), ("loud",)} <= set(series)
        assert tuple(metrics.families[family].cell(n).value for n in ("silent", "loud")) == expected
