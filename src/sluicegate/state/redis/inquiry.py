"""Asking servers where others are: Sentinels for their primary, nodes of a cluster for its map.

Not behind a breaker, and with more time than a call has: nobody's request waits for the answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.state.redis.address import Endpoint
    from sluicegate.state.redis.connection import Connection
    from sluicegate.state.redis.dial import Dial


class Inquiry:
    """Keeps a connection to each server that was asked, for the next question."""

    __slots__ = ("_dial", "_open", "_timeout_s", "on_end")

    def __init__(self, dial: Dial, timeout_s: float) -> None:
        """Give an answer `timeout_s`; connecting has what the settings of `dial` say.

        `on_end` is called when a connection is lost, or brings what was not asked for.
        """
        self._dial = dial
        self._timeout_s = timeout_s
        self._open: dict[Endpoint, Connection] = {}
        self.on_end: Callable[[], None] | None = None

    async def ask(self, endpoint: Endpoint, *commands: bytes) -> list[Any]:
        """Return the answers to all `commands`, errors among them. Raises StateAway.

        Of one server only one asks at a time.
        """
        connection = self._open.get(endpoint)
        if connection is None:
            connection = await self._dial.open(endpoint, self, primary=False)
            connection.allow(self._timeout_s)
            if not connection.has_ended:
                self._open[endpoint] = connection
        return await asyncio.gather(*[connection.call(each) for each in commands])

    def ended(self, connection: Connection, reason: str) -> None:
        """Forget a connection."""
        del reason
        for endpoint, kept in self._open.items():
            if kept is connection:
                del self._open[endpoint]
                if self.on_end is not None:
                    self.on_end()
                return

    def close(self) -> None:
        """Close the connections. They are opened again when something is asked."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()
