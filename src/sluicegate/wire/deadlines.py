"""Deadlines of connections: one timer for all of them, a plain attribute store to move one.

A timer per connection and request costs more than the request's own parsing; here a deadline is
`self.deadline = deadlines.now + 10.0` and one tick every 100 ms finds those that have passed. So a
deadline fires up to 100 ms late, and `now` is up to 100 ms old: a deadline set from it may be that
much early. Where that matters (a connect time-out of 250 ms) take a timer of the clock instead.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, Protocol

import structlog

if TYPE_CHECKING:
    from sluicegate.clock import Clock, Timer

TICK_S: Final = 0.1
"""How late a deadline may be noticed, seconds. 10 000 connections cost 0.3 ms a tick."""


AT_LEAST_S: Final = 0.001
"""Of a bound when all time is used up: 0 would be no bound."""


def within(bound_s: float, until: float, clock: Clock) -> float:
    """Return how much of a bound is left before `until` (monotonic), in seconds; 0 for no bound."""
    if until == inf:
        return bound_s
    left_s = max(until - clock.monotonic(), AT_LEAST_S)
    return min(bound_s, left_s) if bound_s else left_s


class Watched(Protocol):
    """Something with a deadline, in monotonic seconds; `math.inf` for none."""

    deadline: float

    def expired(self, now: float) -> None:
        """Act on a deadline that has passed.

        Called again at the next tick unless the deadline is moved or the object forgotten.
        """


class Deadlines:
    """Everything that has a deadline on this loop."""

    __slots__ = ("_clock", "_timer", "_watched", "now")

    def __init__(self, clock: Clock) -> None:
        """Take the time from `clock`; nothing fires before `start`."""
        self._clock = clock
        self._timer: Timer | None = None
        # A dict, because it keeps the order: which of two deadlines fires first is deterministic.
        self._watched: dict[Watched, None] = {}
        self.now = clock.monotonic()

    def watch(self, watched: Watched) -> None:
        """Look at `watched.deadline` from the next tick on. Harmless when watched already."""
        _ = watched.deadline  # A missing attribute is the caller's mistake, not a tick's.
        self._watched[watched] = None

    def forget(self, watched: Watched) -> None:
        """Look at it no longer. Harmless when it is not watched."""
        self._watched.pop(watched, None)

    def start(self) -> None:
        """Begin to tick on the running loop."""
        if self._timer is None:
            self.now = self._clock.monotonic()
            self._timer = self._clock.after(TICK_S, self._tick)

    def stop(self) -> None:
        """End ticking. What is watched stays watched."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = self._clock.after(TICK_S, self._tick)
        now = self.now = self._clock.monotonic()
        watched = self._watched
        for due in [each for each in watched if each.deadline <= now]:
            # An earlier one of this tick may have forgotten this one or moved its deadline.
            if due in watched and due.deadline <= now:
                self._expire(due, now)

    def _expire(self, due: Watched, now: float) -> None:
        try:
            due.expired(now)
        except Exception:  # noqa: BLE001 - one broken connection must not stop the others' deadlines
            due.deadline = inf  # or it would fail, and log, ten times a second
            structlog.get_logger().exception("deadline_failed", watched=type(due).__name__)
