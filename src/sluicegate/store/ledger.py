"""What the store keeps of use and money: the ledger's entries, and questions about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    from sluicegate.model.ledger import Entry

Dimension = Literal[
    "consumer", "team", "key", "plan", "route", "model", "provider", "deployment", "asked",
    "region", "status", "month", "day", "hour",
]  # fmt: skip
DIMENSIONS: Final[tuple[Dimension, ...]] = (
    "consumer", "team", "key", "plan", "route", "model", "provider", "deployment", "asked",
    "region", "status", "month", "day", "hour",
)  # fmt: skip
MOST_ROWS: Final = 10_000


class UsageQuery(msgspec.Struct, frozen=True):
    """Which entries to add up: admitted from `since_us` until before `until_us`, `where` is equal.

    `by` are what rows are told apart by; `asked` is the name of the model as callers wrote it, its
    first characters where it is long. Days and hours are UTC. At most `limit` rows, by their
    values in the order of `by`, behind `after` (the values of the last row of the page before).
    """

    since_us: int
    until_us: int
    by: tuple[Dimension, ...] = ()
    where: Mapping[str, str | None] = {}
    limit: int = 1000
    after: tuple[str | None, ...] | None = None


class UsageRow(msgspec.Struct, frozen=True):
    """Sums over entries with the same `values` (in the order of `by`; None: there is none).

    `cost` in nano-USD; `unpriced`: requests to models whose price is not known. `estimated` and
    `unsettled`: requests whose tokens nobody counted. `failed`: requests with a failure or a status
    of 400 and above. `cached_requests` were answered from the cache.
    """

    values: tuple[str | None, ...]
    requests: int
    failed: int
    cached_requests: int
    estimated: int
    unsettled: int
    unpriced: int
    input: int
    output: int
    cached: int
    cache_write: int
    reasoning: int
    cost: int
    bytes_in: int
    bytes_out: int


class Sums(Protocol):
    """What budgets ask of the store. Raises StoreAway."""

    async def spent(self, where: Mapping[str, str | None], since_us: int, until_us: int) -> int:
        """Return the nano-USD of entries that were admitted then and agree with `where`."""

    async def entries(
        self, since_us: int, until_us: int, where: Mapping[str, str | None], *, limit: int = 100,
        before: tuple[int, str] | None = None,
    ) -> list[Entry]:  # fmt: skip
        """Return entries, newest first, behind `before` (`at_us` and `id` of the last one seen)."""


class LedgerStore(Sums, Protocol):
    """Every call is bounded by `store.timeout` and raises StoreAway when that has passed."""

    async def book(self, entries: Sequence[Entry]) -> int:
        """Keep entries, all or none; those that are there already stay. Returns how many came."""

    async def usage(self, query: UsageQuery) -> list[UsageRow]:
        """Add up."""

    async def prepare(self, now_us: int) -> None:
        """Make the partitions of this month and of the next ones (PostgreSQL); harmless again."""

    async def expire(self, before_us: int) -> int:
        """Delete entries admitted before then; whole partitions go at once. Returns how many went.

        The number is an estimate where partitions went.
        """
