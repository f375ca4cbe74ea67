"""The door of one service in one worker: so many requests at a time, a queue, and 503 past both.

A request holds one permit for all its attempts:

    if not admission.enter():
        await admission.wait(exchange.priority, until)     # Refused: 503, Retry-After: 1
    try:
        …
    finally:
        admission.leave(ttfb_s)

Each `enter` or `wait` that let a request in is followed by exactly one `leave`. After a reload the
requests that were in or before the old door finish there, while the new one counts from 0: for a
moment a service may get twice its limit.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sluicegate.errors import OVERLOADED, Refused
from sluicegate.upstream.admission.gradient import Gradient
from sluicegate.upstream.admission.queue import LEVELS, PriorityQueue

if TYPE_CHECKING:
    from sluicegate.clock import Clock, Timer
    from sluicegate.metrics import Metrics
    from sluicegate.model.resilience import Concurrency

RETRY_AFTER = ((b"retry-after", b"1"),)
"""Seconds. Overload passes or is shed away within seconds; HAProxy and Envoy say nothing at all."""
DETAILS: Final = {
    "full": "too many requests are waiting for the service",
    "late": "the service had no room for the request in time",
}


class Waiter:
    """A request that waits. `outcome` completes with "" once it is in, else with why it is not."""

    __slots__ = ("admitted", "outcome", "priority")

    def __init__(self, outcome: asyncio.Future[str], priority: int) -> None:
        """Begin to wait."""
        self.outcome = outcome
        self.priority = priority
        self.admitted = False


class Admission:
    """Permits of one service. Not for use by several loops."""

    __slots__ = (
        "_clock",
        "_closed",
        "_gradient",
        "_in_use_cell",
        "_limit_cell",
        "_metrics",
        "_phase_s",
        "_queue",
        "_shed_cells",
        "_shown",
        "_time_s",
        "_waiting_cell",
        "in_use",
        "limit",
    )

    def __init__(self, config: Concurrency, clock: Clock, metrics: Metrics, service: str) -> None:
        """Begin with nothing in use. `service` is the label of the metrics."""
        self._clock = clock
        self._metrics = metrics
        self._closed = False
        self._gradient: Gradient | None = None
        if isinstance(config.limit, int):
            self.limit = int(config.limit)
        else:
            self._gradient = Gradient(config.min, config.max)
            self.limit = self._gradient.limit
        # Steady as monotonic time and in step with the wall clock, so that replicas probe together.
        self._phase_s = clock.wall_us() / 1e6 - clock.monotonic()
        self._queue: PriorityQueue[Waiter] = PriorityQueue(config.queue.size)
        self._time_s = float(config.queue.time)
        self.in_use = 0
        self._limit_cell = metrics.family(
            "sluicegate_concurrency_limit",
            "gauge",
            "Requests that a service may have at a time, all workers together.",
            ("service",),
        ).cell(service)
        self._in_use_cell = metrics.family(
            "sluicegate_concurrency_in_use",
            "gauge",
            "Requests that a service with a concurrency limit has now.",
            ("service",),
        ).cell(service)
        self._waiting_cell = metrics.family(
            "sluicegate_queue_waiting",
            "gauge",
            "Requests that wait for room at a service.",
            ("service",),
        ).cell(service)
        shed = metrics.family(
            "sluicegate_shed_total",
            "counter",
            "Requests refused because a service was full, by reason: full (the queue was, too), "
            "late (waited for as long as a request may).",
            ("service", "priority", "reason"),
        )
        self._shed_cells = {
            why: [shed.cell(service, level, why) for level in LEVELS] for why in DETAILS
        }
        self._shown = (0, 0, 0)
        metrics.at_scrape(self._show)

    def resume(self, previous: Admission) -> None:
        """Go on with the limit that the door before this one had found out."""
        gradient, before = self._gradient, previous._gradient
        if gradient is not None and before is not None:
            gradient.resume(before)
            self._adapt(gradient)

    def enter(self) -> bool:
        """Take a permit if there is one; False calls for `wait`.

        Nobody is overtaken: while anyone waits there is none, for whoever waits gets it at once.
        """
        if self.in_use < self.limit:
            self.in_use += 1
            return True
        return False

    async def wait(self, priority: int, until: float) -> None:
        """Wait for a permit, up to the queue's time and no longer than `until`.

        `priority` is 0 to 3; `until` in monotonic seconds, `math.inf` for no bound. Raises Refused
        (OVERLOADED) when it takes too long, or others are more important and the queue is full.
        """
        if self.enter():
            return
        patience_s = min(self._time_s, until - self._clock.monotonic())
        if patience_s <= 0.0:
            raise self._refusal("late", priority)
        waiter = Waiter(asyncio.get_running_loop().create_future(), priority)
        left_out = self._queue.offer(waiter, priority)
        if left_out is waiter:
            raise self._refusal("full", priority)
        if left_out is not None:
            self._dismiss(left_out, "full")
        timer = self._clock.after(patience_s, lambda: self._give_up(waiter))
        await self._outcome(waiter, timer)

    def observe(self, ttfb_s: float, now: float) -> None:
        """Learn from the head of a proper answer; or, after a time-out, from how long nothing came.

        `now` is in monotonic seconds. What was refused, failed or cancelled says nothing of the
        service's load and is not observed.
        """
        gradient = self._gradient
        if gradient is not None:
            gradient.observe(ttfb_s, self.in_use, now + self._phase_s)
            self._adapt(gradient)
            self._admit()

    def leave(self) -> None:
        """Give the permit back, for the next one that waits."""
        self.in_use -= 1
        if self._queue.length:
            self._admit()

    def close(self) -> None:
        """Take the limit out of the metrics. What is in or waits goes on as if nothing happened."""
        self._closed = True
        self._gradient = None

    # --- waiting ----------

    async def _outcome(self, waiter: Waiter, timer: Timer) -> None:
        try:
            why = await waiter.outcome
        except asyncio.CancelledError:
            if waiter.admitted:
                # In the same turn as it was let in: the permit goes to the next one.
                self.leave()
            else:
                self._queue.remove(waiter, waiter.priority)
            raise
        finally:
            timer.cancel()
        if why:
            raise self._refusal(why, waiter.priority)

    def _admit(self) -> None:
        while self.in_use < self.limit:
            waiter = self._queue.take()
            if waiter is None:
                return
            if not waiter.outcome.done():  # else its client has gone, and it does not know yet
                self.in_use += 1
                waiter.admitted = True
                waiter.outcome.set_result("")

    def _give_up(self, waiter: Waiter) -> None:
        if self._queue.remove(waiter, waiter.priority):
            self._dismiss(waiter, "late")

    def _dismiss(self, waiter: Waiter, why: str) -> None:
        """Tell one that has been taken out of the queue."""
        if not waiter.outcome.done():
            waiter.outcome.set_result(why)

    def _refusal(self, why: str, priority: int) -> Refused:
        self._shed_cells[why][priority].value += 1
        return Refused(OVERLOADED, DETAILS[why], RETRY_AFTER)

    # --- the limit ----------

    def _adapt(self, gradient: Gradient) -> None:
        self.limit = gradient.limit

    # --- what is seen of it ----------

    def _show(self) -> None:
        """Show the differences: two doors may share the numbers while one takes over."""
        limit, in_use, waiting = self._shown
        shown = (0 if self._closed else self.limit, self.in_use, self._queue.length)
        self._limit_cell.value += shown[0] - limit
        self._in_use_cell.value += shown[1] - in_use
        self._waiting_cell.value += shown[2] - waiting
        self._shown = shown
        if shown == (0, 0, 0):
            self._metrics.forget_at_scrape(self._show)
