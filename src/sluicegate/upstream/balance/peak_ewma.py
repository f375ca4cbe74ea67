"""Peak EWMA: of two targets drawn by weight, the one where a call would be answered sooner.

What is compared is the time to the first byte (`upstream/latency.py`: it jumps up with one slow
answer and comes down slowly) times the calls that would then be in flight. Source: Finagle,
PeakEwma.scala (commit 1e8497eaf8ff), and from there linkerd and Envoy's contrib extension. A target
of which nothing is known is tried at once, but with one call: until that is answered it counts as
slower than any that is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Final, TypeVar

from sluicegate.upstream.balance import TargetLike
from sluicegate.upstream.balance.two_choices import TwoChoices

if TYPE_CHECKING:
    from sluicegate.clock import Clock

Target = TypeVar("Target", bound=TargetLike)

UNKNOWN_S: Final = 1e6
"""Expected of a target that is busy with its first call: longer than anything that was seen."""


class PeakEwma(TwoChoices[Target]):
    """Two draws per pick, and the expected time to the first byte decides."""

    __slots__ = ("_clock",)

    def __init__(self, targets: Sequence[Target], random: Random, clock: Clock) -> None:
        """`random` makes the choices; `clock` says how old a measurement is."""
        super().__init__(targets, random)
        self._clock = clock

    def _better(self, first: Target, second: Target) -> Target:
        now = self._clock.monotonic()
        if self._expected_s(second, now) < self._expected_s(first, now):
            return second
        return first

    def _expected_s(self, target: Target, now: float) -> float:
        """Return seconds that one more call would take; calls in flight count by weight."""
        seconds = target.latency.at(now)
        busy = target.in_flight
        if not busy:
            return seconds
        if seconds == 0.0:
            seconds = UNKNOWN_S
        # Weights have any scale, so that one is compared with the mean of all.
        mean_weight = self._totals[-1] / len(self._totals)
        return seconds * (1.0 + busy * mean_weight / target.weight)
