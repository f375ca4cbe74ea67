"""The schema, as SQLAlchemy sees it. `migrations/` make it; a test holds the two together.

`revisions` and `data_keys` are replicated between regions and never updated. All other tables
belong to one server. Names are compared byte by byte on both servers (collation `C` on PostgreSQL),
so that pages of a listing are cut at the same places and a prefix is a range of the index.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
)

LOCKS: Final = 0x534C5543
"""First number of our advisory locks of PostgreSQL that have two; the second is one of these."""
ARRIVING: Final = 0
"""Held from a revision's arrival to the end of its transaction: numbers are seen in their order."""
ALL_NAMES: Final = 1
"""Shared by who changes a few names, exclusive by who changes many or has looked at all."""
MIGRATING: Final = 2
"""Held by who changes the schema."""
CHANNEL: Final = "sluicegate"
"""Where PostgreSQL tells of arrivals; the notice is empty."""

BYTEWISE: Final = Text().with_variant(Text(collation="C"), "postgresql")
NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")
"""An INTEGER primary key is what SQLite numbers itself."""
METADATA: Final = MetaData()

revisions: Final = Table(
    "revisions",
    METADATA,
    Column("id", Uuid(as_uuid=False), primary_key=True),
    Column("kind", BYTEWISE, nullable=False),
    Column("name", BYTEWISE, nullable=False),
    Column("stamp", BigInteger, nullable=False),
    Column("region", Text, nullable=False),
    Column("content", Text),
    Column("owner", BYTEWISE),
    Column("plan", BYTEWISE),
    Column("actor", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
)
BY_NAME: Final = Index(
    "revisions_newest",
    revisions.c.kind,
    revisions.c.name,
    revisions.c.stamp.desc(),
    revisions.c.id.desc(),
)
BY_OWNER: Final = Index("revisions_owner", revisions.c.kind, revisions.c.owner, revisions.c.name)
BY_PLAN: Final = Index("revisions_plan", revisions.c.kind, revisions.c.plan, revisions.c.name)

data_keys: Final = Table(
    "data_keys",
    METADATA,
    Column("id", Uuid(as_uuid=False), primary_key=True),
    Column("key", Text, nullable=False),
    Column("master", Text, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("at_us", BigInteger, nullable=False),
)

arrivals: Final = Table(
    "arrivals",
    METADATA,
    Column("seq", NUMBER, Identity(always=True), primary_key=True),
    Column("revision", Uuid(as_uuid=False), nullable=False),
    sqlite_autoincrement=True,
)
ARRIVALS_REVISION: Final = Index("arrivals_revision", arrivals.c.revision)

answers: Final = Table(
    "answers",
    METADATA,
    Column("actor", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at_us", BigInteger, nullable=False),
)

replicas: Final = Table(
    "replicas",
    METADATA,
    Column("replica", Text, primary_key=True),
    Column("region", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("arrival", BigInteger, nullable=False),
    Column("unfit", Integer, nullable=False),
    Column("seen_us", BigInteger, nullable=False),
)

uses: Final = Table(
    "uses",
    METADATA,
    Column("key", BYTEWISE, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
)
