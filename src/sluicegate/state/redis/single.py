"""One server, for every key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.state.redis.breaker import Breaker
    from sluicegate.state.redis.connection import Connection
    from sluicegate.state.redis.resp import Trouble

UNUSABLE: Final = frozenset(
    {"LOADING", "MASTERDOWN", "MISCONF", "NOAUTH", "NOREPLICAS", "READONLY", "UNKILLABLE"}
)
"""Answers of a server that will give every call the same one."""


class Single:
    """The `Nodes` of `redis://`, `rediss://` and `unix://`."""

    several = False

    def __init__(self, breaker: Breaker) -> None:
        """Use what `breaker` keeps."""
        self._breaker = breaker

    def node_for(self, key: bytes) -> Connection:
        """Return the connection; raises StateAway."""
        del key
        return self._breaker.connection()

    def failed(self, connection: Connection, trouble: Trouble) -> Connection | None:
        """Leave a server that can do nothing; its name may lead elsewhere by now."""
        if trouble.word in UNUSABLE:
            connection.retire(f"the server answered {trouble.word}")
        return None

    async def start(self) -> None:
        """Connect; returns once that was tried."""
        await self._breaker.start()

    def close(self) -> None:
        """Close the connection."""
        self._breaker.close()
