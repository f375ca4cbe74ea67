"""Counting in plain slots, merged and rendered at scrape.

A worker adds to Python numbers, nothing else; rendering happens in the management process. Each
family is declared once, with its unit and meaning, and `docs/reference/metrics.md` is made of that.
Label values are bounded per family: past `max_series`, new combinations count as `other`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Literal

import msgspec
import structlog

Kind = Literal["counter", "gauge", "histogram"]
Merge = Literal["sum", "min", "max"]
"""How the values of several workers become one; counters and histograms are always summed."""

SECONDS_BUCKETS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip


class Cell:
    """One number. The hot path does `cell.value += 1`."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        """Start at 0."""
        self.value: float = 0


class HistogramCell:
    """One distribution: a count per bucket (not cumulative), and a sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        """Start empty. The last count is for values above every bound."""
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Family:
    """A named metric and its series, one per combination of label values."""

    def __init__(
        self,
        name: str,
        kind: Kind,
        meaning: str,
        labels: tuple[str, ...] = (),
        *,
        bounds: tuple[float, ...] = SECONDS_BUCKETS,
        max_series: int = 10_000,
        merge: Merge = "sum",
    ) -> None:
        """Declare a metric. `name` ends in its unit, and in `_total` for counters."""
        self.merge = merge
        self.name = name
        self.kind = kind
        self.meaning = meaning
        self.labels = labels
        self.bounds = bounds
        self.max_series = max_series
        self.series: dict[tuple[str, ...], Cell | HistogramCell] = {}

    def cell(self, *values: str) -> Cell:
        """Return the number for these label values; keep it, it stays the same object."""
        found = self.series.get(values) or self._add(values)
        assert isinstance(found, Cell)  # noqa: S101 - narrows the type
        return found

    def histogram(self, *values: str) -> HistogramCell:
        """Return the distribution for these label values."""
        found = self.series.get(values) or self._add(values)
        assert isinstance(found, HistogramCell)  # noqa: S101 - narrows the type
        return found

    def _add(self, values: tuple[str, ...]) -> Cell | HistogramCell:
        if len(values) != len(self.labels):
            raise ValueError(f"{self.name} has labels {self.labels}, got {values}")
        if len(self.series) >= self.max_series:
            values = ("other",) * len(values)
            if values in self.series:
                return self.series[values]
        made = HistogramCell(self.bounds) if self.kind == "histogram" else Cell()
        self.series[values] = made
        return made


class Series(msgspec.Struct, array_like=True):
    """One series as it travels from a worker: label values, then a number or a distribution."""

    values: list[str]
    number: float = 0
    counts: list[int] = []
    sum: float = 0


class FamilyDump(msgspec.Struct, array_like=True):
    """One family as it travels."""

    name: str
    kind: Kind
    meaning: str
    labels: list[str]
    bounds: list[float]
    series: list[Series]
    merge: Merge = "sum"


class Metrics:
    """Every family of this process."""

    def __init__(self) -> None:
        """Start with none."""
        self.families: dict[str, Family] = {}
        self._observers: dict[Callable[[], None], None] = {}

    def at_scrape(self, observe: Callable[[], None]) -> None:
        """Call `observe` before each scrape, to set gauges that are only looked at then."""
        self._observers[observe] = None

    def forget_at_scrape(self, observe: Callable[[], None]) -> None:
        """Call it no longer."""
        self._observers.pop(observe, None)

    def family(
        self,
        name: str,
        kind: Kind,
        meaning: str,
        labels: tuple[str, ...] = (),
        *,
        bounds: tuple[float, ...] = SECONDS_BUCKETS,
        max_series: int = 10_000,
        merge: Merge = "sum",
    ) -> Family:
        """Declare a family, or get it when it is there already."""
        found = self.families.get(name)
        if found is None:
            found = Family(
                name, kind, meaning, labels, bounds=bounds, max_series=max_series, merge=merge
            )
            self.families[name] = found
        return found

    def forget(self, **labels: str) -> None:
        """Drop every series that has all of these label values: what they tell of is gone."""
        for family in self.families.values():
            if labels.keys() <= set(family.labels):
                wanted = [(family.labels.index(name), value) for name, value in labels.items()]
                for values in list(family.series):
                    if all(values[place] == value for place, value in wanted):
                        del family.series[values]

    def dump(self) -> list[FamilyDump]:
        """Copy everything for a scrape."""
        for observe in list(self._observers):
            try:
                observe()
            except Exception:  # noqa: BLE001 - its gauges stay as they were, all else is counted
                structlog.get_logger().exception("a metric cannot be observed")
        return [
            FamilyDump(
                name=f.name,
                kind=f.kind,
                meaning=f.meaning,
                labels=list(f.labels),
                bounds=list(f.bounds) if f.kind == "histogram" else [],
                series=[
                    Series(list(values), counts=list(cell.counts), sum=cell.sum)
                    if isinstance(cell, HistogramCell)
                    else Series(list(values), number=cell.value)
                    for values, cell in f.series.items()
                ],
                merge=f.merge,
            )
            for f in self.families.values()
        ]
