"""A clock that stands still until a test moves it, so that tests of time are instant and exact."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

from sluicegate.clock import Clock

EPOCH_US = 1_700_000_000_000_000
START_S = 1000


class MockTimer:
    """A call that happens when the clock is moved past its time."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call: Callable[[], object] | None = call

    def cancel(self) -> None:
        self.call = None


class MockClock(Clock):
    """Counts whole microseconds, so that ten ticks of 0.1 s make exactly one second."""

    __slots__ = ("_elapsed_us", "_order", "_timers", "_wall_us")

    def __init__(self, wall_us: int = EPOCH_US) -> None:
        self._elapsed_us = START_S * 1_000_000
        self._wall_us = wall_us - self._elapsed_us
        self._order = count()
        self._timers: list[tuple[int, int, MockTimer]] = []

    def monotonic(self) -> float:
        return self._elapsed_us / 1_000_000

    def wall_us(self) -> int:
        return self._wall_us + self._elapsed_us

    def set_wall_us(self, wall_us: int) -> None:
        """Set the wall clock, as NTP or an operator would; monotonic time is untouched."""
        self._wall_us = wall_us - self._elapsed_us

    def after(self, delay_s: float, call: Callable[[], object]) -> MockTimer:
        timer = MockTimer(call)
        due_us = self._elapsed_us + max(0, round(delay_s * 1_000_000))
        heapq.heappush(self._timers, (due_us, next(self._order), timer))
        return timer

    async def sleep(self, delay_s: float) -> None:
        """Suspend the caller until a test has moved the clock; let the loop turn after that."""
        woken = asyncio.get_running_loop().create_future()
        timer = self.after(delay_s, lambda: woken.done() or woken.set_result(None))
        try:
            await woken
        finally:
            timer.cancel()

    def advance(self, seconds: float) -> None:
        """Move on, running what falls due in order, each call at its own time."""
        end_us = self._elapsed_us + round(seconds * 1_000_000)
        while self._timers and self._timers[0][0] <= end_us:
            self._elapsed_us, _, timer = heapq.heappop(self._timers)
            call, timer.call = timer.call, None
            if call is not None:
                call()
        self._elapsed_us = end_us
