from __future__ import annotations

import subprocess

from prometheus_client.parser import text_string_to_metric_families

from sluicegate.admin.exposition import render
from sluicegate.metrics import FamilyDump, Metrics
from support.applications import debian_tool


def dump() -> list[FamilyDump]:
    metrics = Metrics()
    requests = metrics.family("sluicegate_requests_total", "counter", "Requests.", ("route",))
    requests.cell('a "quoted"\n\\ name').value = 3
    requests.cell("b").value = 4
    metrics.family("sluicegate_in_flight", "gauge", "Exchanges now.").cell().value = 2
    seconds = metrics.family(
        "sluicegate_wait_seconds", "histogram", "Time.", ("route",), bounds=(0.1, 1.0)
    )
    for value in (0.05, 0.5, 0.6, 7):
        seconds.histogram("b").observe(value)
    return metrics.dump()


def samples() -> dict[tuple[str, ...], float]:
    text = render(dump(), "")[0].decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_numbers_come_out_as_they_were_counted_whatever_is_in_a_label() -> None:
    found = samples()
    assert found["sluicegate_requests_total", 'a "quoted"\n\\ name'] == 3
    assert found["sluicegate_requests_total", "b"] == 4
    assert found["sluicegate_in_flight",] == 2


def test_buckets_of_a_histogram_are_cumulative() -> None:
    found = samples()
    buckets = [found["sluicegate_wait_seconds_bucket", le, "b"] for le in ("0.1", "1.0", "+Inf")]
    assert buckets == [1, 3, 4]
    assert found["sluicegate_wait_seconds_count", "b"] == 4
    assert found["sluicegate_wait_seconds_sum", "b"] == 8.15


def test_a_scraper_that_asks_for_nothing_gets_text_0_0_4() -> None:
    assert "version=0.0.4" in render(dump(), "")[1]
    assert "version=0.0.4" in render(dump(), "text/plain;version=0.0.4")[1]


def test_a_scraper_that_asks_for_openmetrics_gets_it() -> None:
    body, kind = render(dump(), "application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1")
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_promtool_has_nothing_to_say() -> None:
    body, _ = render(dump(), "")
    checked = subprocess.run(
        [debian_tool("promtool"), "check", "metrics"], input=body, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
