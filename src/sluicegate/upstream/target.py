"""One address of a service, as one worker sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from sluicegate.upstream.latency import Latency

if TYPE_CHECKING:
    from sluicegate.errors import UpstreamError
    from sluicegate.metrics import Family
    from sluicegate.upstream.health.standing import Standing
    from sluicegate.upstream.pool import Pool
    from sluicegate.wire.deadlines import Deadlines

QUIET_S: Final = 1.0
"""At most one log line per such time about attempts at one target that failed."""


class Target:
    """What balancers choose from and attempts are made at.

    `in_flight` counts this worker's attempts, `attempts` those begun since the last scrape;
    `weight` is the effective one (see slow_start); `available` is set by `standing`, which is told
    how attempts end.
    """

    __slots__ = (
        "_complained_at",
        "_deadlines",
        "_failures",
        "_service",
        "attempts",
        "available",
        "host_header",
        "in_flight",
        "label",
        "labels",
        "latency",
        "pool",
        "standing",
        "weight",
        "zone",
    )

    def __init__(
        self,
        service: str,
        label: str,
        weight: int,
        pool: Pool,
        deadlines: Deadlines,
        failures: Family,
    ) -> None:
        """`standing` has to be set by whoever builds the target, before it is used."""
        self._service = service
        self._deadlines = deadlines
        self._failures = failures
        self._complained_at = float("-inf")
        self.label = label
        self.weight = weight
        self.pool = pool
        self.host_header: bytes | None = None  # None: the client's Host is sent on
        self.zone: str | None = None
        self.labels: dict[str, str] = {}
        self.in_flight = 0
        self.attempts = 0
        self.available = True
        self.latency = Latency()
        self.standing: Standing

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
