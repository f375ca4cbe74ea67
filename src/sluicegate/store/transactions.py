"""Three kinds of transactions, each bounded and ended as `Access` has it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sluicegate.store.engine import WRITES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncConnection

    from sluicegate.store.access import Access


class Transactions:
    """Transactions through `access`. All raise StoreAway; what else is raised in one rolls back."""

    def __init__(self, access: Access) -> None:
        """Nothing is connected."""
        self._access = access
        self._is_server = access.engine.dialect.name == "postgresql"

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection on which each statement is by itself: no BEGIN is sent for it."""
        options = {"isolation_level": "AUTOCOMMIT"} if self._is_server else {}
        async with self._begin(options) as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection on which all statements see the store at one moment."""
        options = {"isolation_level": "REPEATABLE READ"} if self._is_server else {}
        async with self._begin(options) as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection in a transaction that is committed at its end.

        On SQLite nobody else writes from its beginning on. A StoreAway does not say whether it was
        committed.
        """
        async with self._begin({WRITES: True}) as connection:
            yield connection

    async def close(self) -> None:
        """Close all connections."""
        await self._access.close()

    @asynccontextmanager
    async def _begin(self, options: dict[str, Any]) -> AsyncIterator[AsyncConnection]:
        async with self._access.call(), self._access.engine.connect() as connection:
            await connection.execution_options(**options)
            async with connection.begin():
                yield connection
