"""Doing something again and again: soon where that is asked for, and else once in a while."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sluicegate.clock import Clock


class Rounds:
    """Awaits `work` in the background, from `begin` to `close`.

    The next round is `idle_s` after the last one, or where `hurry` was called `gap_s` after it;
    both give or take half of it at random, so that workers do not ask all at once.
    """

    __slots__ = ("_clock", "_hurried", "_idle_s", "_jitter", "_task", "_work", "gap_s")

    def __init__(
        self,
        work: Callable[[], Awaitable[None]],
        clock: Clock,
        *,
        gap_s: float,
        idle_s: float,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`jitter` returns 0 to 1. What `work` raises is logged; it may change `gap_s`."""
        self._work = work
        self._clock = clock
        self._idle_s = idle_s
        self._jitter = jitter
        self._hurried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.gap_s = gap_s

    def begin(self) -> None:
        """Begin with a pause."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def hurry(self) -> None:
        """Ask for a round; for one more where one is under way."""
        self._hurried.set()

    def close(self) -> None:
        """End, in the middle of a round too."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            share = 0.5 + self._jitter()
            gap_s = self.gap_s * share
            await self._clock.sleep(gap_s)
            timer = self._clock.after(self._idle_s * share - gap_s, self._hurried.set)
            await self._hurried.wait()
            timer.cancel()
            self._hurried.clear()
            try:
                await self._work()
            except Exception:  # noqa: BLE001 - without further rounds nobody would find the state
                structlog.get_logger().exception("state_round_failed")
