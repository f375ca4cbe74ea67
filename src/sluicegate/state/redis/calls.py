"""How the calls to the state went, in numbers and, where a server refuses them, in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.state.redis.breaker import Watch
    from sluicegate.state.redis.resp import Trouble

QUIET_S: Final = 1.0
"""At most one log line per such time about errors that a server answers with."""
MOST_TEXT: Final = 200
ELSEWHERE: Final = frozenset({"ASK", "MOVED", "TRYAGAIN"})
"""Errors that speak of one hash slot, on its way to another server."""

SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25)
"""Bounds of the histogram: from a socket of this machine to what no deadline allows."""


class CallCounts:
    """Counts of one worker. The hot path does `counts.ok += 1`."""

    __slots__ = (
        "_calls", "_clock", "_said_at", "_watch", "away", "late", "ok", "refusing", "seconds",
    )  # fmt: skip

    def __init__(self, clock: Clock, metrics: Metrics, watch: Watch) -> None:
        """Declare the metrics. `watch` is told which servers refuse what they are asked.

        Where there are any in `refusing`, calls that are done have to be told to `accepted`.
        """
        self._clock = clock
        self._watch = watch
        self.refusing = watch.refusing
        self._said_at = -QUIET_S
        self.ok = self.away = self.late = 0
        self._calls = metrics.family(
            "sluicegate_state_calls_total",
            "counter",
            "Calls to the state: `ok`; `late`, no answer in time; `away`, not even asked; or the "
            "first word of the error that it answered.",
            ("outcome",),
        )
        self.seconds = metrics.family(
            "sluicegate_state_seconds",
            "histogram",
            "From writing the calls of one turn of the loop to the last of their answers.",
            bounds=SECONDS,
        ).histogram()
        metrics.at_scrape(self._publish)

    def refused(self, server: str, trouble: Trouble) -> None:
        """Count an error that a server answered, and say so, at most once a second."""
        self._calls.cell(trouble.word.lower()).value += 1
        now = self._clock.monotonic()
        if trouble.word not in ELSEWHERE:
            self._watch.refuses(server, now)
        if now - self._said_at >= QUIET_S:
            self._said_at = now
            structlog.get_logger().warning(
                "state_refused", server=server, error=trouble.word, text=trouble.text[:MOST_TEXT]
            )

    def accepted(self, server: str) -> None:
        """Take note that a server has done what it was asked."""
        self._watch.accepts(server, self._clock.monotonic())

    def _publish(self) -> None:
        self._calls.cell("ok").value = self.ok
        self._calls.cell("late").value = self.late
        self._calls.cell("away").value = self.away
