"""Who else counts in the same state: asked every second, and remembered while it is away."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

from sluicegate.errors import StateAway

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.state.contract import Crew, LimitState

PERIOD_S = 1.0
JITTER = 0.1
"""The part of the period by which each time differs, so that workers do not ask in step."""


TELLING_S = 3.0
"""In so long every worker that is alive has said so, twice."""
NEVER_S = -1.0


class LiveView:
    """The crew as it was seen last, and at first what is expected.

    A smaller crew is believed once it was seen for `TELLING_S`: after an outage, or a state that
    forgot, the others have yet to say that they are alive, and parts of a crew that is too small
    add up to more than the limit.
    """

    __slots__ = (
        "_clock", "_fewer_since", "_random", "_state", "_task", "_worker", "_workers", "crew",
    )  # fmt: skip

    def __init__(
        self, state: LimitState, clock: Clock, metrics: Metrics, worker: str, expected: Crew
    ) -> None:
        """Ask nobody yet. `worker` is a text that no other worker of any replica has."""
        self.crew = expected
        self._fewer_since = NEVER_S
        self._state = state
        self._clock = clock
        self._worker = worker
        self._random = Random(worker)  # noqa: S311 - spreads load, keeps no secret
        self._task: asyncio.Task[None] | None = None
        self._workers = metrics.family(
            "sluicegate_state_workers",
            "gauge",
            "Workers of all replicas that count in the same state, as this one saw them last.",
            merge="max",
        ).cell()
        self._workers.value = expected.workers

    def start(self) -> None:
        """Ask from now on; needs a running loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._look())

    async def look(self) -> None:
        """Ask once. What was seen before stays where the state is away."""
        try:
            crew = await self._state.present(self._worker)
        except StateAway:
            self._fewer_since = NEVER_S
            return
        now = self._clock.monotonic()
        if crew.workers >= self.crew.workers:
            self._fewer_since = NEVER_S
        elif self._fewer_since == NEVER_S:
            self._fewer_since = now
            return
        elif now - self._fewer_since < TELLING_S:
            return
        self.crew = crew
        self._workers.value = crew.workers

    def close(self) -> None:
        """Ask no longer."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _look(self) -> None:
        while True:
            await self.look()
            await self._clock.sleep(PERIOD_S * (1 + JITTER * self._random.uniform(-1, 1)))
