"""Hearing of arrivals as they come: LISTEN on a connection of its own, outside the pool."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from sluicegate.errors import StoreAway
from sluicegate.store.away import why_away
from sluicegate.store.engine import connector
from sluicegate.store.tables import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.clock import Clock
    from sluicegate.settings.store import Store
    from sluicegate.store.engine import Link

PING_S: Final = 10.0
"""How often a silent connection is asked: a lost network closes nothing."""


async def listen_to_postgres(
    store: Store, clock: Clock, on_arrival: Callable[[], None], on_lost: Callable[[], None]
) -> Callable[[], None]:
    """Call `on_arrival` for each notice, and `on_lost` when the connection is lost, once and last.

    Returns a function that ends it, after which nothing is called. Raises StoreAway.
    """
    try:
        link = await connector(store)()
        listener = Listener(link, clock, on_arrival, on_lost)
        try:
            await listener.start()
        except BaseException:
            listener.end()
            raise
    except Exception as error:
        reason = why_away(error)[0]
        if not reason:
            raise
        raise StoreAway(reason) from None
    return listener.end


class Listener:
    """One connection that listens, from `start` to `end`."""

    def __init__(
        self,
        link: Link,
        clock: Clock,
        on_arrival: Callable[[], None],
        on_lost: Callable[[], None],
    ) -> None:
        """`link` becomes ours."""
        self._link = link
        self._clock = clock
        self._on_arrival = on_arrival
        self._on_lost = on_lost
        self._has_ended = False
        self._pinging: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen."""
        self._link.add_termination_listener(self._lost)
        await self._link.add_listener(CHANNEL, self._heard)
        self._pinging = asyncio.get_running_loop().create_task(self._ping())

    def end(self) -> None:
        """Close the connection without waiting for anything; call nothing more."""
        self._has_ended = True
        self._link.terminate()
        if self._pinging is not None:
            self._pinging.cancel()
            self._pinging = None

    def _heard(self, *_: Any) -> None:  # noqa: ANN401 - asyncpg says what, and from whom
        if not self._has_ended:
            self._on_arrival()

    def _lost(self, _: Link) -> None:
        if not self._has_ended:
            self.end()
            self._on_lost()

    async def _ping(self) -> None:
        while not self._has_ended:
            await self._clock.sleep(PING_S)
            try:
                await self._link.execute("SELECT 1")
            except Exception:  # noqa: BLE001 - whatever it was, this connection tells nothing
                self._lost(self._link)
