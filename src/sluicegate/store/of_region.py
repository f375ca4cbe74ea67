"""The ledger's entries of one region: budgets are counted in a region's own state.

A store that regions share has entries of all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluicegate.model.ledger import Entry
    from sluicegate.store.ledger import Sums


class OfRegion:
    """A `Sums` that leaves out what other regions have let through."""

    __slots__ = ("_region", "_store")

    def __init__(self, store: Sums, region: str) -> None:
        """Ask `store`."""
        self._store = store
        self._region = region

    async def spent(self, where: Mapping[str, str | None], since_us: int, until_us: int) -> int:
        """Return the nano-USD of entries that were admitted here then and agree with `where`."""
        return await self._store.spent({**where, "region": self._region}, since_us, until_us)

    async def entries(
        self, since_us: int, until_us: int, where: Mapping[str, str | None], *, limit: int = 100,
        before: tuple[int, str] | None = None,
    ) -> list[Entry]:  # fmt: skip
        """Return entries, newest first, behind `before`."""
        here = {**where, "region": self._region}
        return await self._store.entries(since_us, until_us, here, limit=limit, before=before)
