"""The way out of a process that carries traffic.

    1. not ready; answers carry `Connection: close`; still accepting for the grace, in which
       balancers take notice
    2. accept what waits in the queue, then no more
    3. wait for what is in flight, up to the deadline; cut the rest

A cut ends any of these waits.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from sluicegate.process.sockets import connections_wait

if TYPE_CHECKING:
    from sluicegate.assemble import DataPlane
    from sluicegate.clock import Clock
    from sluicegate.process.health import HealthView

QUEUE_S = 1.0
"""For emptying accept queues. Where clients keep coming they are never seen empty."""

GLANCE_S = 0.005


async def grace(
    plane: DataPlane, health: HealthView, grace_s: float, clock: Clock, cut: asyncio.Event
) -> None:
    """Do step 1."""
    health.draining = True
    plane.begin_drain()
    await unless(cut, clock.sleep(grace_s))


async def finish(
    plane: DataPlane,
    sockets: list[socket.socket],
    deadline_s: float,
    clock: Clock,
    cut: asyncio.Event,
) -> None:
    """Do steps 2 and 3, and close the sockets.

    As long as one is open the kernel goes on accepting: who connects would wait for the deadline
    and be cut then, where a refusal sends them elsewhere at once.
    """
    await unless(cut, _empty_queues(sockets, clock))
    for sock in sockets:
        plane.stop_listening(sock)
        sock.close()
    if not cut.is_set():
        await unless(cut, plane.drained(deadline_s))
    await plane.close()


async def unless(cut: asyncio.Event, work: Coroutine[Any, Any, object]) -> None:
    """Wait for `work`, or until `cut` is set, whichever is first; work not done is cancelled."""
    working, cutting = asyncio.create_task(work), asyncio.create_task(cut.wait())
    try:
        await asyncio.wait({working, cutting}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
    finally:
        working.cancel()
        cutting.cancel()
        await asyncio.gather(working, cutting, return_exceptions=True)


async def _empty_queues(sockets: list[socket.socket], clock: Clock) -> None:
    deadline = clock.monotonic() + QUEUE_S
    while any(map(connections_wait, sockets)) and clock.monotonic() < deadline:
        await clock.sleep(GLANCE_S)
