"""How long a target that failed in a row stays out: longer each time, shorter again in health.

Source: Envoy's outlier detection. Its time is the base time times a multiplier, bounded by the
maximum. The multiplier grows by one per ejection, no further than the maximum needs, and falls by
one for every interval in health; here that interval is the base time itself, so that a target that
fails again as soon as it is back is met with longer and longer times.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluicegate.model.resilience import Ejection


class Ejections:
    """The ejections of one target, lately. Times in monotonic seconds."""

    __slots__ = ("_count", "_max_s", "_most", "_since", "_time_s")

    def __init__(self, config: Ejection | None, now: float) -> None:
        """Start in health, with none. Without `config` all times are 0."""
        self._time_s = 0.0 if config is None else float(config.time)
        self._max_s = 0.0 if config is None else float(config.max_time)
        self._most = 1 + int(self._max_s / self._time_s) if self._time_s else 1
        self._count = 0
        self._since = now  # in health; inf when it is not

    def add(self, now: float) -> float:
        """Count one more; return for how many seconds."""
        self.leave(now)
        self._count = min(self._count + 1, self._most)
        return min(self._time_s * self._count, self._max_s)

    def leave(self, now: float) -> None:
        """End the time in health, if there was one: it made up for so many ejections."""
        if self._since < inf:
            health_s, self._since = now - self._since, inf
            steps = int(health_s / self._time_s) if self._time_s else self._count
            self._count = max(0, self._count - steps)

    def back(self, now: float) -> None:
        """Begin a time in health."""
        self._since = now

    def resume(self, previous: Ejections) -> None:
        """Go on with the ejections of `previous`."""
        self._count = min(previous._count, self._most)
        self._since = previous._since
