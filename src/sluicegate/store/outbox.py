"""Puts records on the shelf, aside: nobody waits for it, and what failed is tried again.

Per name only the newest wish is kept. What must arrive (revocations) goes first and is never
dropped for want of room before a million of them; the rest has less room, and is counted where it
finds none.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from sluicegate.errors import StateAway

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.state.shelf import Shelf

AT_ONCE: Final = 32
RETRY_S: Final = 1.0
MOST, MOST_URGENT = 65_536, 1_000_000


class Wish(NamedTuple):
    """A sealed record to keep under a name. `what` is for metrics: key, mark, snapshot."""

    what: str
    sealed: bytes
    version: int
    life_s: int


class Outbox:
    """What waits to be put, from `add` until it is there or something newer is."""

    def __init__(self, shelf: Shelf, clock: Clock, metrics: Metrics) -> None:
        """Declare the metric; nothing runs before something is added."""
        self._shelf = shelf
        self._clock = clock
        self._urgent: dict[str, Wish] = {}
        self._others: dict[str, Wish] = {}
        self._task: asyncio.Task[None] | None = None
        self._away = False
        self._kept = metrics.family(
            "sluicegate_store_kept_total",
            "counter",
            "Records of the store that were to be kept in the state: `kept`; `there`, something as "
            "good already; `late`, to be tried again; `dropped`, for want of room or by an error.",
            ("what", "outcome"),
        )

    def add(self, name: str, wish: Wish, *, urgent: bool = False) -> None:
        """Put it soon, unless a newer wish for the name waits. Needs a running loop."""
        box, most = (self._urgent, MOST_URGENT) if urgent else (self._others, MOST)
        for each in (self._urgent, self._others):
            there = each.get(name)
            if there is not None and there.version > wish.version:
                return
            each.pop(name, None)
        if len(box) >= most:
            self._count(wish, "dropped")
            return
        box[name] = wish
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def waiting(self, name: str) -> Wish | None:
        """Return what waits under a name."""
        return self._urgent.get(name) or self._others.get(name)

    async def close(self, within_s: float) -> None:
        """Try once more what waits, for so long at most; the rest is lost."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        try:
            async with asyncio.timeout(within_s):
                while self._urgent or self._others:
                    await self._put_some()
        except (StateAway, TimeoutError):
            return

    async def _run(self) -> None:
        while self._urgent or self._others:
            try:
                await self._put_some()
            except StateAway as error:
                self._say(str(error))
                await self._clock.sleep(RETRY_S)
            else:
                self._say("")
        self._task = None

    async def _put_some(self) -> None:
        """Put a few at once; raises StateAway where one failed by it, which then still waits."""
        box = self._urgent or self._others
        names = [name for name, _ in zip(box, range(AT_ONCE), strict=False)]
        wishes = [box[name] for name in names]
        ended = await asyncio.gather(
            *[self._put(name, wish) for name, wish in zip(names, wishes, strict=True)],
            return_exceptions=True,
        )
        away: StateAway | None = None
        for name, wish, how in zip(names, wishes, ended, strict=True):
            if isinstance(how, StateAway):
                away = how
                self._count(wish, "late")
            elif box.get(name) is wish:
                del box[name]
            if isinstance(how, BaseException) and not isinstance(how, StateAway):
                self._count(wish, "dropped")
                structlog.get_logger().error(
                    "store_record_not_kept", record=name, error=type(how).__name__
                )
        if away is not None:
            raise away

    async def _put(self, name: str, wish: Wish) -> None:
        kept = await self._shelf.put(name, wish.sealed, wish.version, wish.life_s)
        self._count(wish, "kept" if kept else "there")

    def _count(self, wish: Wish, outcome: str) -> None:
        self._kept.cell(wish.what, outcome).value += 1

    def _say(self, reason: str) -> None:
        if bool(reason) == self._away:
            return
        self._away = bool(reason)
        if reason:
            structlog.get_logger().warning("store_records_wait", reason=reason)
        else:
            structlog.get_logger().info("store_records_kept_again")
