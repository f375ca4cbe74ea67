"""A service at run time: its targets, their standing, and what bounds the calls to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sluicegate.llm.price_book import PriceBook
from sluicegate.model.resilience import listed
from sluicegate.upstream.admission.admission import Admission
from sluicegate.upstream.balance.build import build
from sluicegate.upstream.destination import Destination
from sluicegate.upstream.hash_key import hash_key_of
from sluicegate.upstream.health.standing import Standing
from sluicegate.upstream.health.ward import Ward
from sluicegate.upstream.hedge import Hedging
from sluicegate.upstream.pool import Pool
from sluicegate.upstream.retry_budget import RetryBudget
from sluicegate.upstream.slow_start import SlowStart
from sluicegate.upstream.target import Target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluicegate.clock import Clock
    from sluicegate.metrics import Family, Metrics
    from sluicegate.model.route import RouteTimeouts
    from sluicegate.model.service import Service
    from sluicegate.model.service import Target as TargetConfig
    from sluicegate.upstream.balance import Balance
    from sluicegate.upstream.contexts import ClientContexts
    from sluicegate.upstream.health.news import News
    from sluicegate.upstream.resolve import Resolver
    from sluicegate.wire.deadlines import Deadlines

LEAST_CALLS = 5
"""Calls in a worker's window before its breaker may open, however many workers share them out."""

Subset = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the services of a worker share. `tell` passes news of targets on to other processes."""

    clock: Clock
    deadlines: Deadlines
    metrics: Metrics
    resolver: Resolver
    contexts: ClientContexts
    tell: Callable[[News], None]
    workers: int = 1
    zone: str | None = None
    prices: PriceBook = field(default_factory=PriceBook)


class UpstreamService:
    """A named upstream as dispatch uses it."""

    def __init__(
        self,
        name: str,
        config: Service,
        shared: Surroundings,
        previous: UpstreamService | None = None,
    ) -> None:
        """Prepare pools; nothing connects before the first request. Raises ConfigError (TLS).

        Of `previous`, the service of that name until now, targets that stay keep their standing.
        """
        self.name = name
        self.config = config
        self._shared = shared
        self.deadlines = shared.deadlines
        self._counts = _Counts(shared.metrics)
        self._balances: dict[Subset, Balance[Target]] = {}
        hashed = None if isinstance(config.balance, str) else config.balance.consistent_hash
        self._key_of = None if hashed is None else hash_key_of(hashed.by)
        self.by_latency = config.balance == "peak_ewma"
        self.slow_s = (config.breaker and float(config.breaker.slow)) or float("inf")
        self.budget = RetryBudget(config.retry.budget, config.retry.min_budget)
        self.failure_statuses = listed(config.failure_statuses)
        self.retry_statuses = frozenset(config.retry.statuses)
        self.hedging = None if config.hedge is None else Hedging(config.hedge)
        for result in ("won", "lost") if self.hedging else ():
            self._counts.hedges.cell(name, result)  # from 0, so that a rate sees the first one, too
        self.admission = (
            None
            if config.concurrency is None
            else Admission(config.concurrency, shared.clock, shared.metrics, name)
        )
        self.ward = Ward(name, shared.metrics, shared.tell, config.check)
        known = {} if previous is None else {target.label: target for target in previous.targets}
        if self.admission and previous and previous.admission:
            self.admission.resume(previous.admission)
        self.targets: list[Target] = [self._target(each, known) for each in config.entries]
        shared.metrics.at_scrape(self._observe)

    def destination(self, labels: Mapping[str, str], timeouts: RouteTimeouts) -> Destination:
        """Return how a route gets here: to targets with all of `labels`, within its time-outs."""
        subset = tuple(sorted(labels.items()))
        balance = self._balances.get(subset)
        if balance is None:
            targets = [each for each in self.targets if labels.items() <= each.labels.items()]
            balance = build(self.config, targets, self._shared.clock, self._shared.zone)
            self._balances[subset] = balance
        return Destination(self, balance, timeouts.over(self.config.timeouts), self._key_of)

    def hear(self, news: News) -> None:
        """Take news of a target from another process."""
        self.ward.hear(news)

    def retried(self, reason: str) -> None:
        """Count a retry."""
        self._counts.retries.cell(self.name, reason).value += 1

    def not_retried(self, why: str) -> None:
        """Count an attempt that failed, could have been repeated and was not."""
        self._counts.not_retried.cell(self.name, why).value += 1

    def hedged(self, result: str) -> None:
        """Count a second attempt beside a slow first one."""
        self._counts.hedges.cell(self.name, result).value += 1

    def close(self) -> None:
        """Let the connections go; attempts in flight finish on theirs."""
        self._observe()
        self._shared.metrics.forget_at_scrape(self._observe)
        if self.admission is not None:
            self.admission.close()
        for target in self.targets:
            target.pool.close()
            target.standing.close()

    def _observe(self) -> None:
        counts = self._counts
        counts.budget_left.cell(self.name).value = self.budget.left
        for target in self.targets:
            counts.attempts.cell(self.name, target.label).value += target.attempts
            target.attempts = 0

    def _target(self, entry: TargetConfig, known: Mapping[str, Target]) -> Target:
        config, shared, counts = self.config, self._shared, self._counts
        label = urlsplit(entry.url).netloc
        pool = Pool.to(
            entry.url,
            config.tls,
            config.pool,
            shared.contexts,
            shared.resolver,
            shared.deadlines,
            counts.connections.cell(self.name, label),
        )
        target = Target(
            self.name,
            label,
            entry.weight,
            pool,
            shared.deadlines,
            counts.failures,
        )
        target.host_header = None if config.preserve_host else label.encode("ascii")
        target.zone = entry.zone
        target.labels = entry.labels
        slow_start = SlowStart(target, entry.weight, float(config.slow_start), shared.deadlines)
        least = min(config.breaker.min_calls, config.breaker.window) if config.breaker else 0
        target.standing = Standing(
            target,
            self.ward,
            label,
            config.breaker,
            config.ejection,
            max(min(least, LEAST_CALLS), -(-least // shared.workers)),
            shared.deadlines,
            slow_start.begin,
        )
        before = known.get(label)
        if before is not None:
            target.latency = before.latency
            target.standing.resume(before.standing)
        elif known:
            slow_start.begin()
        return target


class _Counts:
    """The families that calls to services are counted in."""

    def __init__(self, metrics: Metrics) -> None:
        family = metrics.family
        self.connections: Family = family(
            "sluicegate_upstream_connections",
            "gauge",
            "Open connections to a target.",
            ("service", "target"),
        )
        self.attempts: Family = family(
            "sluicegate_upstream_attempts_total",
            "counter",
            "Attempts that have begun.",
            ("service", "target"),
        )
        self.failures: Family = family(
            "sluicegate_upstream_failures_total",
            "counter",
            "Attempts that failed, by reason: connect_failed, connect_timeout, pool_full, reset, "
            "timeout, invalid, failed, or the status of an answer that was not passed on.",
            ("service", "target", "reason"),
        )
        self.retries: Family = family(
            "sluicegate_retries_total",
            "counter",
            "Further attempts, by what was wrong with the one before: a reason of "
            "`sluicegate_upstream_failures_total`, or `stale` for a kept connection that was dead.",
            ("service", "reason"),
        )
        self.not_retried: Family = family(
            "sluicegate_retries_denied_total",
            "counter",
            "Attempts that failed, could have been repeated and were not: `budget`: it was used "
            "up, `attempts`: enough of them, `no_target`: nobody takes any, `retry_after`: the "
            "target asked for more patience than allowed, `deadline`: no time was left.",
            ("service", "why"),
        )
        self.budget_left: Family = family(
            "sluicegate_retry_budget_left",
            "gauge",
            "Retries that may begin now; the smallest of the workers.",
            ("service",),
            merge="min",
        )
        self.hedges: Family = family(
            "sluicegate_hedges_total",
            "counter",
            "Second attempts beside slow ones: `won` if theirs was the answer, `lost` if not.",
            ("service", "result"),
        )
