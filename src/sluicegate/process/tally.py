"""Adds up the metrics of all workers, living and dead.

A worker that does not answer a scrape contributes its last values. The counters and histograms of
a dead one join a retired total, so that sums never fall; its gauges vanish with it. What a killed
worker counted since its last scrape is lost: the sums are then too low, never too high.
"""

from __future__ import annotations

from collections.abc import Iterable

from sluicegate.metrics import FamilyDump, Merge, Series


def merge(dumps: Iterable[list[FamilyDump]]) -> list[FamilyDump]:
    """Add up series with equal names and labels; gauges as their family says."""
    families: dict[str, FamilyDump] = {}
    series: dict[tuple[str, tuple[str, ...]], Series] = {}
    for dump in dumps:
        for family in dump:
            into = families.get(family.name)
            if into is None:
                into = families[family.name] = FamilyDump(
                    family.name,
                    family.kind,
                    family.meaning,
                    family.labels,
                    family.bounds,
                    [],
                    family.merge,
                )
            for one in family.series:
                key = (family.name, tuple(one.values))
                total = series.get(key)
                if total is None:
                    total = series[key] = Series(one.values, one.number, list(one.counts), one.sum)
                    into.series.append(total)
                else:
                    _add(total, one, family.merge)
    return list(families.values())


def _add(total: Series, one: Series, how: Merge) -> None:
    if how == "sum":
        total.number += one.number
    else:
        total.number = (min if how == "min" else max)(total.number, one.number)
    total.sum += one.sum
    total.counts = [a + b for a, b in zip(total.counts, one.counts, strict=True)]


class Tally:
    """The last dump of every worker, by a number that no other worker ever gets."""

    def __init__(self) -> None:
        """Start with no worker."""
        self._last: dict[int, list[FamilyDump]] = {}
        self._retired: list[FamilyDump] = []

    def heard(self, worker: int, dump: list[FamilyDump]) -> None:
        """Keep what a worker answered."""
        self._last[worker] = dump

    def retire(self, worker: int) -> None:
        """Move what a dead worker counted to the retired total."""
        lasting = [f for f in self._last.pop(worker, []) if f.kind != "gauge"]
        self._retired = merge([self._retired, lasting])

    def total(self) -> list[FamilyDump]:
        """Return the sum over all workers."""
        return merge([self._retired, *self._last.values()])
