"""Which deployments rest, on every replica: told to the state, and asked of it every second.

What one replica was told by a provider holds for all, since they share its limits. The state keeps
a mark per deployment and reason, which ends by itself; while it is away each worker knows what it
has found out itself.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sluicegate.errors import StateAway
from sluicegate.upstream.models.deployment import REASONS

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.state.contract import LimitState
    from sluicegate.upstream.models.deployment import Deployment

PERIOD_S: Final = 1.0
"""Between two looks: a worker that does not know yet has one 429 more."""
BETWEEN: Final = "\x1f"
MOST_AT_ONCE: Final = 300
"""Marks of one call: well below a millisecond of a server that limits wait for, too."""


class Cooldowns:
    """One for a worker. `start` it on the loop that it is used on."""

    __slots__ = ("_aside", "_clock", "_counts", "_resting", "_state", "_task")

    def __init__(self, state: LimitState, clock: Clock, metrics: Metrics) -> None:
        """Ask nobody yet."""
        self._state = state
        self._clock = clock
        self._resting: dict[str, list[Deployment]] = {}
        self._aside: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._counts = metrics.family(
            "sluicegate_model_cooldowns_total",
            "counter",
            "Times that a deployment was left out, by what it said or did last.",
            ("model", "deployment", "reason"),
        )

    def add(self, deployment: Deployment) -> None:
        """Tell this deployment what others find out, from now on."""
        self._resting.setdefault(_place(deployment), []).append(deployment)
        if self._task is not None and self._task.done():
            self._task = None
            self.start()

    def remove(self, deployment: Deployment) -> None:
        """Tell it no longer."""
        place = _place(deployment)
        left = [each for each in self._resting.get(place, ()) if each is not deployment]
        if left:
            self._resting[place] = left
        else:
            self._resting.pop(place, None)

    def tell(self, deployment: Deployment, reason: str, kind: str, seconds: float) -> None:
        """Tell all others that a deployment rests for so long, beside the call that found out."""
        self._counts.cell(deployment.model, deployment.name, kind).value += 1
        for other in self._resting.get(_place(deployment), ()):
            other.rest(reason, seconds)  # of the snapshot that comes, or of the one that goes
        marks = {_place(deployment) + BETWEEN + reason: int(seconds * 1000)}
        task = asyncio.get_running_loop().create_task(self._mark(marks))
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    async def look(self) -> None:
        """Ask once what others have found out. What is known stays where the state is away."""
        places = list(self._resting)
        names = [place + BETWEEN + reason for place in places for reason in REASONS]
        for at in range(0, len(names), MOST_AT_ONCE):
            part = names[at : at + MOST_AT_ONCE]
            try:
                lives = await self._state.marks(part)
            except StateAway:
                return
            for name, life_ms in zip(part, lives, strict=True):
                if life_ms:
                    place, _, reason = name.rpartition(BETWEEN)
                    self._hear(place, reason, life_ms / 1000)

    def start(self) -> None:
        """Look from now on, while there are deployments; needs a running loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Look no longer; what is being told is told."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
        if self._aside:
            await asyncio.wait(self._aside, timeout=PERIOD_S)

    def _hear(self, place: str, reason: str, seconds: float) -> None:
        for deployment in self._resting.get(place, ()):
            deployment.rest(reason, seconds)

    async def _mark(self, marks: dict[str, int]) -> None:
        try:
            await self._state.mark(marks)
        except StateAway:
            return  # each replica finds out by itself then; the state's own metrics tell

    async def _run(self) -> None:
        while self._resting:
            await self.look()
            await self._clock.sleep(PERIOD_S)


def _place(deployment: Deployment) -> str:
    """Return what a deployment is called in the state: the same on every replica."""
    return deployment.model + BETWEEN + deployment.name
