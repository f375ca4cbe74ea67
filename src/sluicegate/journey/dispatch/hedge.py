"""A second attempt beside a slow first one. Whoever answers first is passed on.

The other is cancelled, and its connection closed: that is the only way in HTTP/1.1 to tell a target
that nobody waits. Only requests that can be sent twice without harm are hedged, and for now only
those without a body. An answer that would be retried loses while the other attempt is under way.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sluicegate.errors import HedgeLost, UpstreamError
from sluicegate.journey.dispatch.attempt import IDEMPOTENT, Attempt

if TYPE_CHECKING:
    from sluicegate.journey.dispatch.retry import Call


class Hedge:
    """The race of two attempts; the second has a task of its own."""

    __slots__ = ("_call", "_first", "_second", "_task", "chosen")

    def __init__(self, call: Call, first: Attempt) -> None:
        """Begin nothing yet."""
        self._call = call
        self._first = first
        self._second: Attempt | None = None
        self._task: asyncio.Task[None] | None = None
        self.chosen: Attempt | None = None

    @staticmethod
    def may(call: Call) -> bool:
        """Whether the request can be sent twice."""
        request = call.exchange.request
        return request.body is None and request.upgrade is None and request.method in IDEMPOTENT

    async def run(self) -> None:
        """Return when one response has been passed on. Raises as the attempt that was last did."""
        call = self._call
        hedging = call.service.hedging
        delay_s = None if hedging is None else hedging.delay()
        timer = None if delay_s is None else call.exchange.clock.after(delay_s, self._begin_second)
        try:
            try:
                await self._first.run()
            except UpstreamError:
                if self._task is None or self.chosen is self._first:
                    raise
                await self._task
        finally:
            if timer is not None:
                timer.cancel()
            if self._task is not None:
                self._task.cancel()
                call.service.hedged("won" if self.chosen is self._second else "lost")

    def claims(self, attempt: Attempt, status: int, now: float) -> bool:
        """Whether `attempt`, whose answer has come, is passed on; the other is then cancelled."""
        other = self._second if attempt is self._first else self._first
        if self.chosen is not None:
            return self.chosen is attempt
        if other is not None and other.running and status in self._call.service.retry_statuses:
            return False
        self.chosen = attempt
        hedging = self._call.service.hedging
        if hedging is not None:
            hedging.observe(now - self._first.judgement.started)
        if other is not None and other.running:
            other.lose(HedgeLost())
        if attempt is self._first and self._task is not None:
            self._task.cancel()  # it may not even have begun
        return True

    def _begin_second(self) -> None:
        call = self._call
        hedging = call.service.hedging
        if self.chosen is not None or hedging is None or not self._first.running:
            return
        target = call.destination.pick(call.exchange, (self._first.target,))
        if target is None or not hedging.spend():
            return
        call.tried = (*call.tried, target)
        self._second = Attempt(call, target)
        self._task = asyncio.get_running_loop().create_task(self._second.run())
        self._task.add_done_callback(_look_at)


def _look_at(task: asyncio.Task[None]) -> None:
    """Take the exception of a lost attempt, which nobody else may ask for."""
    if not task.cancelled():
        task.exception()
