"""All that limits count in: the state, what takes its place, and who else counts there."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from itertools import count
from typing import TYPE_CHECKING

from sluicegate.journey.limit.away import Away
from sluicegate.journey.limit.bound import Bounds
from sluicegate.state.contract import Crew, LimitState
from sluicegate.state.ledger_in_memory import LedgerInMemory
from sluicegate.state.live import LiveView
from sluicegate.state.memory import MemoryState
from sluicegate.state.redis.breaker import state_up
from sluicegate.state.redis.open import open_state

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.journey.limit.rule import Rule
    from sluicegate.metrics import Metrics
    from sluicegate.settings import Settings
    from sluicegate.state.ledger import Ledger
    from sluicegate.state.redis.state import RedisState

MEMORY = "memory://"


class Counting:
    """The limits' side of a worker. Nothing is connected before `start`."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        crew: Crew,
        rules: Callable[[], Iterable[tuple[str, Rule]]],
    ) -> None:
        """`crew` are the workers of this replica; `rules` gives every rule that runs, and where.

        `ledger` is management's side of it where it is in memory, else None.
        """
        worker = secrets.token_hex(6)
        waiting = settings.ledger.waiting
        self._local = MemoryState(clock, metrics, most_lines=waiting)
        self._remote: RedisState | None = None
        self.ledger: Ledger | None = None
        if settings.state.url != MEMORY:
            self._remote = open_state(settings.state, clock, metrics, worker, waiting)
        else:
            self.ledger = LedgerInMemory(self._local.ledger, clock)
        self.state: LimitState = self._local if self._remote is None else self._remote
        expected = Crew(settings.state.expected_workers or crew.workers, crew.place)
        self._view = LiveView(self.state, clock, metrics, worker, expected)
        self.away = Away(self._local, self._view)
        numbers = count(1)
        self.ticket = lambda: f"{worker}{next(numbers):x}"
        self._started = False
        self._answers = state_up(metrics)
        if self._remote is None:
            self._answers.value = 1.0  # it is this process
        self._bounds = Bounds(
            metrics, rules, lambda: self._view.crew, lambda: self.up, settings.region.of
        )

    @property
    def up(self) -> bool:
        """Whether the state answers, as far as is known."""
        return self._remote is None or self._answers.value > 0

    async def start(self) -> None:
        """Connect, once; returns when that was tried, whether it worked or not."""
        if self._started or self._remote is None:
            return
        self._started = True
        await self._remote.start()
        await self._view.look()
        self._view.start()

    def close(self) -> None:
        """Let go of everything."""
        self._view.close()
        if self._remote is not None:
            self._remote.close()
        self._local.close()
