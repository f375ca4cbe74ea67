"""All targets of one service in one worker: how many may be out, who hears what, when to come back.

Source of `max_share`: Envoy's outlier detection (`max_ejection_percent`), which ejects only while
the ejected, with the next one, stay within the percentage.
"""

from __future__ import annotations

from math import ceil
from random import Random
from typing import TYPE_CHECKING, Final, Literal

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.metrics import Metrics
    from sluicegate.model.resilience import Check
    from sluicegate.upstream.health.news import News
    from sluicegate.upstream.health.standing import Standing

Gone = Literal["ejected", "open", "asked", "down"]

JITTER: Final = 0.1
"""A time out is up to this share longer, at random, so that not all replicas return at once."""
CHECK_S: Final = 0.5
"""A target that is down is checked this often, or more often."""


class Ward:
    """The standings of one service. Each adds itself when it is made."""

    __slots__ = (
        "_available",
        "_out_total",
        "_random",
        "_returned_total",
        "_state",
        "check",
        "service",
        "standings",
        "tell",
    )

    def __init__(
        self,
        service: str,
        metrics: Metrics,
        tell: Callable[[News], None],
        check: Check | None = None,
        random: Random | None = None,
    ) -> None:
        """`tell` takes what the other processes should know; `random` draws the jitter.

        `check` is the service's active check, without which a target is never down.
        """
        self.service = service
        self.check = check
        self.tell = tell
        self.standings: list[Standing] = []
        self._random = random or Random()  # noqa: S311 - spreads load, no secret
        self._available = metrics.family(
            "sluicegate_target_available",
            "gauge",
            "1 while a target takes calls, if only on trial; 0 while it is out or down. "
            "The worst of the workers.",
            ("service", "target"),
            merge="min",
        )
        self._state = metrics.family(
            "sluicegate_breaker_state",
            "gauge",
            "0 in, 1 on trial, 2 out, whatever the cause. The worst of the workers.",
            ("service", "target"),
            merge="max",
        )
        self._out_total = metrics.family(
            "sluicegate_target_out_total",
            "counter",
            "Times that a worker took a target out, by cause: ejected (failed in a row), "
            "open (breaker), asked (503 with Retry-After), down (active check).",
            ("service", "target", "cause"),
        )
        self._returned_total = metrics.family(
            "sluicegate_target_returned_total",
            "counter",
            "Times that a target took calls again in a worker, after its trial or a check.",
            ("service", "target"),
        )

    def may_eject(self, standing: Standing) -> bool:
        """Return whether one more may be out for what it answered: `max_share`, rounded down.

        A target on trial still counts as out, or another could be taken out just before it fails.
        Targets with weight 0 take no calls and do not count. The last one is never taken out.
        """
        others = [
            each for each in self.standings if each is not standing and each.target.weight > 0
        ]
        out = len([each for each in others if each.state != "in"])
        return len(others) > out and out < (len(others) + 1) * standing.max_share // 100

    def hear(self, news: News) -> None:
        """Pass news on to the target that they are about; others are none of ours."""
        for each in self.standings:
            if each.label == news.target:
                each.told(news)

    def retry_after(self) -> int:
        """Return in how many seconds the next target may be tried, 1 at least."""
        times = [self._wait(each) for each in self.standings if each.target.weight > 0]
        return max(1, ceil(min(times, default=1.0)))

    def _wait(self, standing: Standing) -> float:
        """Return when it may be tried, in seconds; one that is down not before its next check."""
        if standing.state != "down" or self.check is None:
            return standing.left()
        return min(float(self.check.interval), CHECK_S)

    def with_jitter(self, seconds: float) -> float:
        """Return a time that is a little longer, by chance."""
        return seconds * (1.0 + JITTER * self._random.random())

    # --- what people see of it ----------

    def show(self, label: str, state: int, *, out: bool) -> None:
        """Set the gauges of a target."""
        self._available.cell(self.service, label).value = 0 if out else 1
        self._state.cell(self.service, label).value = state

    def went_out(
        self, label: str, why: Gone, seconds: float = 0.0, *, unreachable: bool = False
    ) -> None:
        """Count and log that a target takes no calls from now on; `seconds` is 0 for `down`."""
        self._out_total.cell(self.service, label, why).value += 1
        structlog.get_logger().warning(
            "target_out",
            service=self.service,
            target=label,
            cause=why,
            seconds=round(seconds, 3),
            unreachable=unreachable,
        )

    def went_on_trial(self, label: str) -> None:
        """Log that the first calls are let through."""
        structlog.get_logger().info("target_on_trial", service=self.service, target=label)

    def returned(self, label: str) -> None:
        """Count and log that a target takes calls again."""
        self._returned_total.cell(self.service, label).value += 1
        structlog.get_logger().info("target_returned", service=self.service, target=label)
