"""Keeps the slots of requests under way from expiring, by a heartbeat.

A slot that nobody refreshes ends by itself: so what a killed worker held is free again after
`expiry_s`, and a request may last as long as it likes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sluicegate.errors import StateAway

if TYPE_CHECKING:
    from sluicegate.clock import Clock, Timer
    from sluicegate.state.contract import Ask, LimitState

BEATS: Final = 3
"""Heartbeats in the life of a slot: two may be lost."""
MOST_AT_ONCE = 200
"""Slots of one call: about 2 ms of a server that others wait for, too."""


class Holding:
    """The slots that this worker holds of one rule."""

    __slots__ = ("_aside", "_clock", "_every_s", "_held", "_timer")

    def __init__(self, clock: Clock, aside: set[asyncio.Task[None]], expiry_s: float) -> None:
        """`aside` takes the tasks that refresh."""
        self._clock = clock
        self._aside = aside
        self._every_s = expiry_s / BEATS
        self._held: dict[str, tuple[LimitState, Ask]] = {}
        self._timer: Timer | None = None

    def hold(self, state: LimitState, ask: Ask, ticket: str) -> None:
        """Refresh this slot until `let_go`."""
        self._held[ticket] = (state, ask)
        if self._timer is None:
            self._timer = self._clock.after(self._every_s, self._beat)

    def let_go(self, ticket: str) -> None:
        """Refresh it no longer."""
        self._held.pop(ticket, None)

    def _beat(self) -> None:
        self._timer = None
        if not self._held:
            return
        by_state: dict[int, tuple[LimitState, list[tuple[Ask, str]]]] = {}
        for ticket, (state, ask) in self._held.items():
            by_state.setdefault(id(state), (state, []))[1].append((ask, ticket))
        for state, held in by_state.values():
            task = asyncio.get_running_loop().create_task(self._refresh(state, held))
            self._aside.add(task)
            task.add_done_callback(self._aside.discard)
        self._timer = self._clock.after(self._every_s, self._beat)

    async def _refresh(self, state: LimitState, held: list[tuple[Ask, str]]) -> None:
        for at in range(0, len(held), MOST_AT_ONCE):
            part = [each for each in held[at : at + MOST_AT_ONCE] if each[1] in self._held]
            try:
                if part:
                    await state.refresh(part)
            except StateAway:
                return  # the next heartbeat may reach it; the state's own metrics tell
