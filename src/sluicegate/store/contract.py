"""What a store keeps, and what can be asked of it.

A change is a new row, a revision; the newest per kind and name wins, by stamp, then by id. None is
ever changed, so history, rollback and audit are the table itself. A tombstone (`content` None) is a
revision like any other, except for keys: one of those is final.

Arrivals number what has come to *this* server, from here or from another region, in the order in
which it could be seen. Whoever follows them misses nothing; whoever followed stamps would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from sluicegate.errors import SluicegateError

if TYPE_CHECKING:
    from sluicegate.store.archive import ArchiveStore
    from sluicegate.store.ledger import LedgerStore

CONFIGURATION: Final = frozenset(
    {"service", "plan", "team", "provider", "model", "route", "policies", "secret"}
)
"""Kinds that snapshots are compiled from: every replica holds all of them."""
LOOKED_UP: Final = frozenset({"consumer", "key", "token"})
"""Kinds that may be millions: asked for one by one."""
FINAL: Final = frozenset({"key", "token"})
"""Kinds whose tombstone wins over every other revision, whatever the stamps say."""
AHEAD_S: Final = 60
"""How far a stamp may be ahead of the writer's clock, seconds."""


class Revision(msgspec.Struct, frozen=True):
    """One immutable change.

    `id` is a UUIDv7. `stamp` is hybrid logical time: milliseconds since 1970 times 65536, plus a
    counter. `content` is canonical JSON (UTF-8, sorted keys, no spaces); None is a tombstone.
    `owner` is a key's consumer, or a consumer's or token's team; `plan` the plan that a consumer,
    key or team names. Both are copies out of `content`, to be searched by. `actor` changed it
    `via` an address; `action` is what they did: `create`, `replace`, `patch`, `delete`, `rollback`,
    `apply`, `rotate`, `revoke`. `at_us` is the writer's clock, UTC. `arrival` is 0 where it was
    not read.
    """

    id: str
    kind: str
    name: str
    stamp: int
    region: str
    content: bytes | None
    owner: str | None
    plan: str | None
    actor: str
    via: str
    action: str
    at_us: int
    arrival: int = 0


class Author(msgspec.Struct, frozen=True):
    """Who changes something, from where, and how it is called in the history."""

    actor: str
    via: str
    action: str


class Change(msgspec.Struct, frozen=True):
    """One wish. `content` None deletes; `expected` is the id of the revision that it replaces.

    With `expected` None it does not matter which; `ABSENT` wants that there is none (or a
    tombstone).
    """

    kind: str
    name: str
    content: bytes | None
    expected: str | None = None
    owner: str | None = None
    plan: str | None = None


ABSENT: Final = "absent"


class Grounds(msgspec.Struct, frozen=True):
    """What changes were planned upon, as it was at an arrival: whom they name, and who names them.

    All are pairs of a kind and a text. `names` are names of that kind; `owners` and `plans` stand
    for every living revision of the kind that has this owner, or names this plan.
    """

    arrival: int
    names: frozenset[tuple[str, str]] = frozenset()
    owners: frozenset[tuple[str, str]] = frozenset()
    plans: frozenset[tuple[str, str]] = frozenset()


class KeyRow(msgspec.Struct, frozen=True):
    """A stored key with whose it is, from one query. Contents are JSON; `stamp` is the key's."""

    name: str
    stamp: int
    key: bytes
    consumer_name: str
    consumer: bytes | None
    team: bytes | None


class Arrivals(msgspec.Struct, frozen=True):
    """What has come since. `last` is where to go on from, also where nothing has come."""

    revisions: list[Revision]
    last: int


class DataKey(msgspec.Struct, frozen=True):
    """A data key, wrapped under the master key of that name. Rotation adds rows, changes none."""

    id: str
    key: str
    master: str
    wrapped: bytes
    at_us: int


class ReplicaRow(msgspec.Struct, frozen=True):
    """What a replica said last: the revision that it runs, and up to which arrival it has read."""

    replica: str
    region: str
    version: str
    revision: str
    arrival: int
    unfit: int
    seen_us: int


class Answer(msgspec.Struct, frozen=True):
    """What was answered under an idempotency key. `request` is a hash of what was asked."""

    request: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class Stale(SluicegateError):
    """What was to be replaced is no longer, or not yet, the newest. Nothing was written."""

    def __init__(self, change: Change, newest: Revision | None) -> None:
        """Say which of the changes, and what is there."""
        super().__init__(f"{change.kind} {change.name} was changed meanwhile")
        self.change = change
        self.newest = newest


class Moved(SluicegateError):
    """The configuration has changed since it was looked at. Nothing was written; look again."""


class Revoked(SluicegateError):
    """A revoked key or token was to be changed; that is final."""


class ClockBehind(SluicegateError):
    """The newest revision is stamped more than AHEAD_S ahead of our clock; nothing was written."""


class SchemaMismatch(SluicegateError):
    """The schema of the database is not one that this version can work with; says what to do."""


class Store(Protocol):
    """Every call is bounded by `store.timeout` and raises StoreAway when that has passed."""

    region: str
    ledger: LedgerStore
    archive: ArchiveStore

    async def start(self) -> None:
        """Connect and check the schema. Raises StoreAway, SchemaMismatch."""

    async def close(self) -> None:
        """Let go of connections."""

    # --- reading -------------------------------------------------------------------------------

    async def current(self, kinds: Sequence[str]) -> Arrivals:
        """Return the newest of every name that is no tombstone, and the last arrival, at once."""

    async def arrivals(self, after: int, limit: int = 1000) -> Arrivals:
        """Return what arrived after that number, tombstones included, in order of arrival.

        An `after` beyond the last there is means another database (one restored, or made anew):
        `last` is then smaller than `after`.
        """

    async def head(self, kind: str, name: str) -> Revision | None:
        """Return the newest revision of a name, a tombstone too; None where there never was one."""

    async def revision(self, revision_id: str) -> Revision | None:
        """Return a revision by its id."""

    async def listing(
        self, kind: str, *, after: str = "", limit: int = 100, prefix: str = "",
        owners: Sequence[str] | None = None, plan: str | None = None,
    ) -> list[Revision]:  # fmt: skip
        """Return the newest of every living name of a kind, by name, from `after` (exclusive).

        Only those whose newest revision has one of the `owners`, and this `plan`, where given.
        """

    async def history(self, kind: str, name: str, *, before: str = "", limit: int = 100
                      ) -> list[Revision]:  # fmt: skip
        """Return revisions of a name, newest first, from the id `before` (exclusive)."""

    async def audit(
        self, *, before: str = "", limit: int = 100, kinds: Sequence[str] | None = None,
        actor: str | None = None, since_us: int = 0,
    ) -> list[Revision]:  # fmt: skip
        """Return revisions of all names, newest first (by id), from the id `before` (exclusive)."""

    async def key(self, name: str) -> KeyRow | None:
        """Return a living key with its consumer and team, by one query."""

    # --- writing -------------------------------------------------------------------------------

    async def write(
        self, changes: Sequence[Change], author: Author, *,
        looked_at: int | None = None, grounds: Grounds | None = None,
    ) -> list[Revision]:  # fmt: skip
        """Write all changes, or none; returns the revisions in their order.

        `looked_at` is the last arrival up to which the configuration was validated: where one of
        the kinds of CONFIGURATION has arrived since, raises Moved; so it does where something has
        arrived of what `grounds` has. Raises Stale, Revoked, ClockBehind, StoreAway. A StoreAway
        here does not say whether it was written.
        """

    async def add_data_key(self, key: DataKey) -> None:
        """Keep a wrapped data key."""

    async def data_keys(self) -> list[DataKey]:
        """Return all wrapped data keys, oldest first."""

    async def remember(self, actor: str, key: str, answer: Answer) -> None:
        """Keep an answer under an idempotency key of an actor, for a day."""

    async def remembered(self, actor: str, key: str) -> Answer | None:
        """Return it."""

    async def report(self, replica: ReplicaRow) -> None:
        """Say what a replica runs (local to this server)."""

    async def replicas(self, since_us: int) -> list[ReplicaRow]:
        """Return replicas seen since then."""

    async def used(self, keys: Mapping[str, int]) -> None:
        """Note when keys were used last, by name, UTC microseconds (local to this server)."""

    async def last_used(self, keys: Sequence[str]) -> dict[str, int]:
        """Return when, for those that were ever used here."""

    async def sweep(self, before_us: int) -> int:
        """Delete revisions that were superseded before then, never the newest or a final tombstone.

        Also forgets old answers and replicas. Returns how many revisions went.
        """

    # --- following -----------------------------------------------------------------------------

    async def listen(
        self, on_arrival: Callable[[], None], on_lost: Callable[[], None]
    ) -> Callable[[], Any]:
        """Call `on_arrival` when something arrives, as long as the connection lives.

        Returns a function that ends it, after which nothing is called. Raises StoreAway. Where the
        server pushes nothing (SQLite) only writes of this process call it. When the connection is
        lost `on_lost` is called, once and last; whoever follows listens anew.
        """
