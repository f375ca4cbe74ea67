"""Slow start: a target that is new, or back, gets its share little by little.

A process that has just begun has cold caches and connections to make; its full share at once can
bring it down again. Its weight goes from 10 % to 100 % in equal steps over the time configured.
Source: Envoy, "Slow start mode", with its defaults: aggression 1, min_weight_percent 10.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sluicegate.wire.deadlines import Deadlines

WHOLE = 100
"""Weights are counted in percent where slow start is on, so that a weight of 1 has steps too."""
FIRST_PERCENT = 10
"""What a target starts with. Envoy's min_weight_percent: 10 %."""


class Weighted(Protocol):
    """What starts slowly."""

    weight: int


class SlowStart:
    """The weight of one target. Watched by the loop's deadlines while it rises."""

    __slots__ = ("_began_at", "_deadlines", "_full", "_seconds", "_target", "deadline")

    def __init__(
        self, target: Weighted, full_weight: int, seconds: float, deadlines: Deadlines
    ) -> None:
        """Give the target its full weight: as configured, or with `seconds` > 0 times 100."""
        self._target = target
        self._seconds = seconds
        self._deadlines = deadlines
        self._full = full_weight
        self._began_at = 0.0
        self.deadline = inf
        target.weight = full_weight * WHOLE if seconds > 0.0 else full_weight

    def begin(self) -> None:
        """Start (again) from 10 %. Does nothing where slow start is off."""
        if self._seconds > 0.0:
            self._began_at = self._deadlines.now
            self._target.weight = self._full * FIRST_PERCENT
            self.deadline = self._began_at
            self._deadlines.watch(self)

    def expired(self, now: float) -> None:
        """Raise the weight; called at every tick until it is whole."""
        percent = int(WHOLE * (now - self._began_at) / self._seconds)
        self._target.weight = self._full * min(WHOLE, max(FIRST_PERCENT, percent))
        if percent >= WHOLE:
            self.close()

    def close(self) -> None:
        """Change the weight no more."""
        self.deadline = inf
        self._deadlines.forget(self)
