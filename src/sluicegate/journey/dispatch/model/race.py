"""Two calls of one request: the second begins where the first token is late. The first one wins."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sluicegate.journey.dispatch.model.attempt import ModelAttempt
    from sluicegate.journey.dispatch.model.calling import Calling
    from sluicegate.llm.failure import Failure
    from sluicegate.upstream.hedge import Hedging

Begun = asyncio.Task["Failure | None"]


class Race:
    """A first attempt, and one beside it after `delay_s` seconds."""

    __slots__ = ("_calling", "_delay_s", "_first", "_hedging")

    def __init__(
        self, calling: Calling, first: ModelAttempt, hedging: Hedging, delay_s: float
    ) -> None:
        """Nothing has begun."""
        self._calling = calling
        self._first = first
        self._hedging = hedging
        self._delay_s = delay_s

    async def run(self) -> tuple[ModelAttempt, Failure | None]:
        """Return the attempt that counts, and its failure where both have failed."""
        loop = asyncio.get_running_loop()
        clock = self._calling.exchange.clock
        began = clock.monotonic()
        running: dict[Begun, ModelAttempt] = {loop.create_task(self._first.begin()): self._first}
        late: asyncio.Future[None] = loop.create_future()
        timer = clock.after(self._delay_s, late.cancel)
        counts: ModelAttempt | None = None
        try:
            waited: list[asyncio.Future[Any]] = [*running, late]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not any(task.done() for task in running) and self._hedging.spend():
                second = await self._calling.second()
                if second is not None:
                    running[loop.create_task(second.begin())] = second
            attempt, failure = await self._winner(running)
            if failure is None:
                self._hedging.observe(clock.monotonic() - began)
            counts = attempt
            return attempt, failure
        finally:
            timer.cancel()
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            for attempt in running.values():
                if attempt is not counts:  # also one that was ready in the same turn, or never ran
                    attempt.close(whole=False, failure=None)

    async def _winner(
        self, running: dict[Begun, ModelAttempt]
    ) -> tuple[ModelAttempt, Failure | None]:
        """Wait for the first success, or for the last failure."""
        left = dict(running)
        while True:
            done, _ = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                attempt = left.pop(task)
                failure = task.result()
                if failure is None or not left:
                    return attempt, failure
