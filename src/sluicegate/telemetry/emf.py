"""Metrics as CloudWatch reads them out of a log: lines in embedded metric format.

Each line is an event of CloudWatch Logs (`_aws` says which members are metrics) and stands for the
time since the line before. Counters are told as what was added, histograms as values with counts (a
bucket's middle, so that CloudWatch can show percentiles), gauges as they are. Lines:

    one of the replica's sums, dimension `Region`
    one for each route, `Region` and `Route`, and for each model, `Region` and `Model`, that had
    something to tell

The replica stands in each line, and is no dimension: one more is one more bill.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
Values with counts: as OpenTelemetry's `awsemfexporter` sends its exponential histograms.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sluicegate.metrics import FamilyDump, Series

Kind = Literal["added", "spread", "sum", "most", "least", "out", "until"]
Unit = Literal["Count", "Seconds", "None"]
Value = float | dict[str, object]
DIMENSIONS: Final = {"route": "Route", "model": "Model"}
NANO: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Told:
    """One metric of CloudWatch: of which family, which of its series, and how they become one."""

    name: str
    family: str
    kind: Kind
    unit: Unit
    by: str = ""
    """The label that is told apart, too."""
    label: str = ""
    pattern: str = ""
    """Of the series, those whose `label` is this."""
    scale: float = 1.0


TOLD: Final = (
    Told("Requests", "sluicegate_requests_total", "added", "Count", "route"),
    Told("ServerErrors", "sluicegate_requests_total", "added", "Count", "route", "status", "5.."),
    Told("ClientErrors", "sluicegate_requests_total", "added", "Count", "route", "status", "4.."),
    Told("IncompleteResponses", "sluicegate_responses_incomplete_total", "added", "Count", "route"),
    Told("Duration", "sluicegate_request_duration_seconds", "spread", "Seconds", "route"),
    Told("InFlight", "sluicegate_requests_in_flight", "sum", "Count"),
    Told("LimitRefused", "sluicegate_limit_refused_total", "added", "Count"),
    Told("LimitDegraded", "sluicegate_limit_degraded_total", "added", "Count"),
    Told("StateUp", "sluicegate_state_up", "least", "None"),
    Told("StoreUp", "sluicegate_store_up", "least", "None"),
    Told("TargetsOut", "sluicegate_breaker_state", "out", "Count"),
    Told("ConfigAccepted", "sluicegate_config_last_reload_success", "least", "None"),
    Told("CertificateLeft", "sluicegate_certificate_expires_timestamp_seconds", "until", "Seconds"),
    Told("WorkerRestarts", "sluicegate_worker_restarts_total", "added", "Count"),
    Told("LogDropped", "sluicegate_log_dropped_total", "added", "Count"),
    Told("LedgerWaiting", "sluicegate_ledger_waiting", "most", "Count"),
    Told("LedgerLag", "sluicegate_ledger_lag_seconds", "most", "Seconds"),
    Told("BudgetAlerts", "sluicegate_budget_alerts_total", "added", "Count"),
    Told("ModelCalls", "sluicegate_model_calls_total", "added", "Count", "model"),
    Told("ModelFailures", "sluicegate_model_calls_total", "added", "Count", "model", "outcome",
         "(?!ok$|cancelled$).*"),
    Told("FirstToken", "sluicegate_model_first_token_seconds", "spread", "Seconds", "model"),
    Told("InputTokens", "sluicegate_model_tokens_total", "added", "Count", "model", "kind",
         "input"),
    Told("OutputTokens", "sluicegate_model_tokens_total", "added", "Count", "model", "kind",
         "output"),
    Told("CostUsd", "sluicegate_cost_nano_usd_total", "added", "None", "model", scale=NANO),
)  # fmt: skip
"""At most 100 in a line, says the specification."""


class Spread(msgspec.Struct):
    """A histogram, or what it grew by: a count for each bucket, and the sum of all values."""

    counts: list[int]
    sum: float


class Emf:
    """Makes lines, and remembers what the last ones told."""

    def __init__(self, namespace: str, region: str, replica: str, by: Iterable[str]) -> None:
        """`by`: of `DIMENSIONS`, what is told apart."""
        self._namespace = namespace
        self._own = {"Region": region, "Replica": replica}
        self._by = frozenset(by)
        self._units = {told.name: told.unit for told in TOLD}
        self._patterns = {told.name: re.compile(told.pattern) for told in TOLD if told.pattern}
        self._numbers: dict[tuple[str, str], float] = {}
        self._spreads: dict[tuple[str, str], Spread] = {}
        self._encode = msgspec.json.Encoder().encode

    def lines(self, dump: Iterable[FamilyDump], now_us: int) -> list[bytes]:
        """Tell what a scrape has, each line with its newline. `now_us`: µs since 1970."""
        families = {family.name: family for family in dump}
        sums: dict[str, Value] = {}
        apart: dict[tuple[str, str], dict[str, Value]] = {}
        for told in TOLD:
            family = families.get(told.family)
            if family is None:
                continue
            by = told.by if told.by in self._by else ""
            for name, found in self._sorted(told, family, by).items():
                value = self._value(told, family, name, found, now_us)
                if value is None:
                    continue
                if not name:
                    sums[told.name] = value
                elif value:
                    apart.setdefault((by, name), {})[told.name] = value
        lines = [self._line(sums, {}, now_us)] if sums else []
        lines += [
            self._line(values, {DIMENSIONS[by]: name}, now_us)
            for (by, name), values in apart.items()
        ]
        return lines

    def _line(
        self, values: Mapping[str, Value], dimensions: Mapping[str, str], now_us: int
    ) -> bytes:
        directive = {
            "Namespace": self._namespace,
            "Dimensions": [["Region", *dimensions]],
            "Metrics": [{"Name": name, "Unit": self._units[name]} for name in values],
        }
        about = {"Timestamp": now_us // 1000, "CloudWatchMetrics": [directive]}
        return self._encode({"_aws": about, **self._own, **dimensions, **values}) + b"\n"

    def _sorted(self, told: Told, family: FamilyDump, by: str) -> dict[str, list[Series]]:
        """Return a metric's series, all under "", and each under its value of the label `by`.

        One pass: a family has up to 10,000 series, and this may run beside requests.
        """
        found: dict[str, list[Series]] = {"": []}
        apart = family.labels.index(by) if by else None
        place = family.labels.index(told.label) if told.label else None
        for series in family.series:
            name = series.values[apart] if apart is not None else ""
            fits = place is None or self._patterns[told.name].fullmatch(series.values[place])
            if name:
                found.setdefault(name, [])
            if not fits:
                continue
            found[""].append(series)
            if name:
                found[name].append(series)
        return found

    def _value(
        self, told: Told, family: FamilyDump, only: str, found: Sequence[Series], now_us: int
    ) -> Value | None:
        """Return what the series say together; None where there are none, or nothing was added."""
        if told.kind == "spread":
            counts = [sum(column) for column in zip(*(one.counts for one in found), strict=True)]
            return self._grown(told.name, only, Spread(counts, sum(one.sum for one in found)),
                               family.bounds)  # fmt: skip
        numbers = [series.number for series in found]
        if told.kind == "added":
            return self._added(told, only, sum(numbers))
        return _gauge(told.kind, numbers, now_us) if numbers else None

    def _added(self, told: Told, only: str, total: float) -> float:
        before = self._numbers.get((told.name, only), 0.0)
        self._numbers[told.name, only] = total
        return max(0.0, total - before) * told.scale

    def _grown(self, name: str, only: str, total: Spread, bounds: Sequence[float]) -> Value | None:
        before = self._spreads.get((name, only))
        self._spreads[name, only] = total
        if before is None or len(before.counts) != len(total.counts):
            before = Spread([0] * len(total.counts), 0.0)
        counts = [now - then for now, then in zip(total.counts, before.counts, strict=True)]
        return _spread(Spread(counts, total.sum - before.sum), bounds)


def _gauge(kind: Kind, numbers: list[float], now_us: int) -> float:
    match kind:
        case "sum":
            return sum(numbers)
        case "most":
            return max(numbers)
        case "out":
            return float(sum(number > 0 for number in numbers))
        case "until":
            return min(numbers) - now_us / 1e6
        case _:
            return min(numbers)


def _spread(grown: Spread, bounds: Sequence[float]) -> Value | None:
    """Return a value set; None where nothing was observed."""
    edges = [0.0, *bounds, bounds[-1]]
    filled = [place for place, count in enumerate(grown.counts) if count > 0]
    if not filled:
        return None
    return {
        "Values": [(edges[place] + edges[place + 1]) / 2 for place in filled],
        "Counts": [grown.counts[place] for place in filled],
        "Min": edges[filled[0]],
        "Max": edges[filled[-1] + 1],
        "Count": sum(grown.counts[place] for place in filled),
        "Sum": grown.sum,
    }
