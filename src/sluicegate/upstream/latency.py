"""How long a target takes to its first byte: a mean that jumps up at once and comes down slowly.

Source: Finagle, PeakEwma.scala (commit 1e8497eaf8ff). A sample above the mean becomes the mean, so
that one slow answer is enough to prefer another target; a lower one pulls it down by the time that
has passed since the last. Without samples it decays to nothing, so that a target that nobody calls
any more, because it was slow, looks fast again in the end, and is tried.
"""

from __future__ import annotations

from math import exp
from typing import Final

TAU_S: Final = 10.0
"""Seconds in which what is known loses 63 % of its weight. Finagle's decayTime: 10 s."""
FAILED_S: Final = 1.0
"""A failed attempt counts as at least that slow: a refused connection must not look like speed."""


class Latency:
    """The peak-sensitive moving average of one target, seconds."""

    __slots__ = ("_mean", "_seen_at")

    def __init__(self) -> None:
        """Know nothing: `at` is 0."""
        self._mean = 0.0
        self._seen_at = 0.0

    def observe(self, seconds: float, now: float) -> None:
        """Take in the time to the first byte of one attempt; `now` is monotonic seconds."""
        share = exp(min(0.0, self._seen_at - now) / TAU_S)
        decayed = self._mean * share
        self._mean = seconds if seconds > decayed else decayed + seconds * (1.0 - share)
        self._seen_at = now

    def failed(self, seconds: float, now: float) -> None:
        """Take in an attempt that gave no answer for `seconds`, or one that is as bad as none."""
        self.observe(max(seconds, FAILED_S), now)

    def at(self, now: float) -> float:
        """Return the mean as it is now; 0 for a target of which nothing is known (any more)."""
        mean = self._mean
        if mean == 0.0:
            return 0.0
        return mean * exp(min(0.0, self._seen_at - now) / TAU_S)
