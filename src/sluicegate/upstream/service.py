"""A service at run time: its targets, their pools, and who is next."""

from __future__ import annotations

import functools
import random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from sluicegate.upstream.balance.least_requests import LeastRequests
from sluicegate.upstream.balance.weighted_round_robin import WeightedRoundRobin
from sluicegate.upstream.pool import Pool

if TYPE_CHECKING:
    from sluicegate.errors import UpstreamError
    from sluicegate.metrics import Family, Metrics
    from sluicegate.model.service import Service
    from sluicegate.upstream.balance import Balance
    from sluicegate.upstream.contexts import ClientContexts
    from sluicegate.upstream.resolve import Resolver
    from sluicegate.wire.deadlines import Deadlines

QUIET_S = 1.0
"""At most one log line per such time about attempts at one target that failed."""
PORTS = {"http": 80, "https": 443}


class Target:
    """One address of a service. `in_flight` counts this worker's attempts."""

    __slots__ = (
        "_complained_at",
        "_deadlines",
        "_failures",
        "_service",
        "available",
        "host_header",
        "in_flight",
        "label",
        "pool",
        "weight",
    )

    def __init__(
        self,
        service: str,
        label: str,
        weight: int,
        host_header: bytes | None,
        pool: Pool,
        deadlines: Deadlines,
        failures: Family,
    ) -> None:
        """`host_header` is None where the client's Host is sent on."""
        self._service = service
        self._deadlines = deadlines
        self._failures = failures
        self._complained_at = float("-inf")
        self.label = label
        self.weight = weight
        self.host_header = host_header
        self.pool = pool
        self.in_flight = 0
        self.available = True

    def failed(self, error: UpstreamError) -> None:
        """Count an attempt that failed; say why, at most once a second."""
        self._failures.cell(self._service, self.label, error.reason).value += 1
        now = self._deadlines.now
        if now - self._complained_at >= QUIET_S:
            self._complained_at = now
            structlog.get_logger().warning(
                "attempt_failed",
                service=self._service,
                target=self.label,
                reason=error.reason,
                detail=str(error),
            )


class UpstreamService:
    """A named upstream as dispatch uses it."""

    def __init__(
        self,
        name: str,
        config: Service,
        resolver: Resolver,
        deadlines: Deadlines,
        metrics: Metrics,
        contexts: ClientContexts,
    ) -> None:
        """Prepare pools; nothing connects before the first request. Raises ConfigError (TLS)."""
        self.name = name
        self.config = config
        self.timeouts = config.timeouts
        family = metrics.family(
            "sluicegate_upstream_connections",
            "gauge",
            "Open connections to a target.",
            ("service", "target"),
        )
        failures = metrics.family(
            "sluicegate_upstream_failures_total",
            "counter",
            "Attempts that failed, by reason: connect_failed, connect_timeout, reset, timeout, "
            "invalid, failed.",
            ("service", "target", "reason"),
        )
        self.targets: list[Target] = []
        for entry in config.targets:
            url, weight = (entry, 1) if isinstance(entry, str) else (entry.url, entry.weight)
            parts = urlsplit(url)
            host = parts.hostname or ""
            tls = None
            if parts.scheme == "https":
                contexts.of(config.tls)  # a file that cannot be used is found now
                tls = (functools.partial(contexts.of, config.tls), config.tls.server_name or host)
            pool = Pool(
                host,
                parts.port or PORTS[parts.scheme],
                tls,
                config.pool,
                resolver,
                deadlines,
                family.cell(name, parts.netloc),
            )
            header = None if config.preserve_host else parts.netloc.encode("ascii")
            self.targets.append(
                Target(name, parts.netloc, weight, header, pool, deadlines, failures)
            )
        self.balance: Balance[Target] = (
            LeastRequests(self.targets, random.Random())  # noqa: S311 - spreads load, no secret
            if config.balance == "least_requests"
            else WeightedRoundRobin(self.targets)
        )

    def pick(self) -> Target | None:
        """Return the target for the next attempt; None when no target takes any."""
        return self.balance.pick()

    def close(self) -> None:
        """Let the connections go; attempts in flight finish on theirs."""
        for target in self.targets:
            target.pool.close()
