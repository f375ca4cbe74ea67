"""Metrics as Prometheus reads them: text 0.0.4, or OpenMetrics for a scraper that asks for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from sluicegate.metrics import FamilyDump


class Exposition(Collector):
    """One scrape, as the families of prometheus-client."""

    def __init__(self, dump: Iterable[FamilyDump]) -> None:
        """Show `dump`."""
        self._dump = dump

    def collect(self) -> Iterator[Metric]:
        """Yield the families in order of their names, as diffs and people like them."""
        for family in sorted(self._dump, key=lambda family: family.name):
            yield _histogram(family) if family.kind == "histogram" else _numbers(family)


def render(dump: Iterable[FamilyDump], accept: str) -> tuple[bytes, str]:
    """Return body and content type for an `Accept` header."""
    encoder, content_type = choose_encoder(accept)
    return encoder(Exposition(dump)), content_type


def _numbers(family: FamilyDump) -> Metric:
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    made = kind(family.name, family.meaning, labels=family.labels)
    for series in family.series:
        made.add_metric(series.values, series.number)
    return made


def _histogram(family: FamilyDump) -> Metric:
    made = HistogramMetricFamily(family.name, family.meaning, labels=family.labels)
    bounds = [*map(floatToGoString, family.bounds), "+Inf"]
    for series in family.series:
        buckets = list(zip(bounds, map(float, accumulate(series.counts)), strict=True))
        made.add_metric(series.values, buckets, series.sum)
    return made
