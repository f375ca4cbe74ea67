"""A circuit breaker's two counts: the last outcomes of calls to a target, and those of a trial.

Source: resilience4j. Its count-based sliding window is a ring whose total is kept up by subtracting
what is overwritten; nothing is judged before `minimumNumberOfCalls`, of which the window's size is
an upper bound; a failure rate equal to the threshold opens as well. Half open it lets
`permittedNumberOfCallsInHalfOpenState` calls through; `releasePermission` gives one back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.model.resilience import Breaker

TRIAL_CALLS: Final = 1
"""Calls of a trial where no breaker says how many. Envoy has no trial; here it is one call."""
LEAST_PATIENCE_S: Final = 1.0
"""A trial is given at least this long, whatever the settings."""


class Window:
    """The last `size` outcomes. One byte each, and constant time per call."""

    __slots__ = ("_at", "_bad", "_calls", "_min_calls", "_percent", "_ring", "_size")

    def __init__(self, size: int, min_calls: int, percent: int) -> None:
        """Start empty. `percent` of the calls, bad, are too many; from `min_calls` calls on."""
        self._size = size
        self._min_calls = min(min_calls, size)
        self._percent = percent
        self._ring = bytearray(size)
        self._at = 0
        self._calls = 0
        self._bad = 0

    def record(self, bad: bool) -> bool:  # noqa: FBT001 - what happened, not an option
        """Add an outcome in the place of the oldest; return whether to open now."""
        at, ring = self._at, self._ring
        gone = ring[at]
        if bad:
            ring[at] = 1
            self._bad += 1 - gone
        elif gone:
            ring[at] = 0
            self._bad -= 1
        at += 1
        self._at = at if at < self._size else 0
        calls = self._calls
        if calls < self._size:
            calls += 1
            self._calls = calls
        failed = self._bad
        return failed > 0 and calls >= self._min_calls and failed * 100 >= self._percent * calls

    def reset(self) -> None:
        """Forget everything."""
        self._ring = bytearray(self._size)
        self._at = 0
        self._calls = 0
        self._bad = 0

    def resume(self, previous: Window) -> None:
        """Go on with what `previous` has seen: its newest outcomes, as many as fit."""
        self.reset()
        for bad in previous.outcomes()[-self._size :]:
            self.record(bad)

    def outcomes(self) -> list[bool]:
        """Return what is held, the oldest first; True for a bad one."""
        first = self._at - self._calls
        return [self._ring[(first + each) % self._size] == 1 for each in range(self._calls)]


class Trial:
    """The calls that decide whether a target is back: so many permits, and all must do well."""

    __slots__ = ("_calls", "_good", "patience_s", "permits")

    def __init__(self, breaker: Breaker | None, time_s: float) -> None:
        """Permit none before `begin`. `time_s` is how long a target is out without a breaker.

        `patience_s` is how long the last call may take: until it is slow, or else as long as out.
        """
        self._calls = TRIAL_CALLS if breaker is None else breaker.probes
        wait_s = time_s if breaker is None else float(breaker.slow) or float(breaker.open)
        self.patience_s = max(LEAST_PATIENCE_S, wait_s)
        self._good = 0
        self.permits = 0

    def begin(self) -> None:
        """Start anew."""
        self._good = 0
        self.permits = self._calls

    def passed(self) -> bool:
        """Count a call that did well; return whether that is enough."""
        self._good += 1
        return self.enough

    @property
    def enough(self) -> bool:
        """Whether all calls have done well."""
        return self._good >= self._calls

    def resume(self, previous: Trial) -> None:
        """Go on where `previous` was: what it has in flight is in flight here."""
        self._good = previous._good
        self.permits = max(0, previous.permits + self._calls - previous._calls)
