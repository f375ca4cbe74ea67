"""The schema, as SQLAlchemy sees it. `migrations/` make it; a test holds the two together.

`revisions` and `data_keys` are replicated between regions and never updated. All other tables
belong to one server; `ledger` is parted by months on PostgreSQL. Names are compared byte by byte on
both servers (collation `C` on PostgreSQL), so that pages of a listing are cut at the same places
and a prefix is a range of the index.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
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
SWEEPING: Final = 3
"""Held by who deletes revisions that were superseded."""
BOOKING: Final = 4
"""Held by who adds to the ledger: what is there already is looked up first."""
PARTING: Final = 5
"""Held by who makes a partition of the ledger, or drops one."""
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


ledger: Final = Table(
    "ledger",
    METADATA,
    Column("id", BYTEWISE, primary_key=True),
    Column("at_us", BigInteger, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("consumer", BYTEWISE),
    Column("team", BYTEWISE),
    Column("key", BYTEWISE),
    Column("plan", BYTEWISE),
    Column("route", BYTEWISE),
    Column("model", BYTEWISE),
    Column("provider", BYTEWISE),
    Column("deployment", BYTEWISE),
    Column("cost", BigInteger),
    Column("input", BigInteger, nullable=False),
    Column("output", BigInteger, nullable=False),
    Column("cached", BigInteger, nullable=False),
    Column("cache_write", BigInteger, nullable=False),
    Column("cache_write_1h", BigInteger, nullable=False),
    Column("reasoning", BigInteger, nullable=False),
    Column("audio_input", BigInteger, nullable=False),
    Column("audio_output", BigInteger, nullable=False),
    Column("image_input", BigInteger, nullable=False),
    Column("image_output", BigInteger, nullable=False),
    Column("estimated", Boolean, nullable=False),
    Column("unsettled", Boolean, nullable=False),
    Column("from_cache", Boolean, nullable=False),
    Column("stream", Boolean, nullable=False),
    Column("status", Integer, nullable=False),
    Column("failure", Text),
    Column("attempts", Integer, nullable=False),
    Column("endpoint", Text),
    Column("asked", Text),
    Column("duration_us", BigInteger, nullable=False),
    Column("first_token_us", BigInteger, nullable=False),
    Column("bytes_in", BigInteger, nullable=False),
    Column("bytes_out", BigInteger, nullable=False),
    Column("region", BYTEWISE, nullable=False),
    Column("request_id", Text, nullable=False),
    postgresql_partition_by="RANGE (at_us)",
)
SUMMED: Final[dict[str, Any]] = {"postgresql_include": ["cost"]}
"""What is summed up is in the index, so that a budget is found without the rows themselves."""
BY_TIME: Final = Index("ledger_at", ledger.c.at_us, ledger.c.id)
BY_CONSUMER: Final = Index("ledger_consumer", ledger.c.consumer, ledger.c.at_us, **SUMMED)
BY_TEAM: Final = Index("ledger_team", ledger.c.team, ledger.c.at_us, **SUMMED)
BY_KEY: Final = Index("ledger_key", ledger.c.key, ledger.c.at_us, **SUMMED)
BY_MODEL: Final = Index("ledger_model", ledger.c.model, ledger.c.at_us, **SUMMED)

archive: Final = Table(
    "archive",
    METADATA,
    Column("id", BYTEWISE, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("consumer", BYTEWISE),
    Column("team", BYTEWISE),
    Column("route", BYTEWISE),
    Column("model", BYTEWISE),
    Column("status", Integer, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("request_bytes", BigInteger, nullable=False),
    Column("answer_bytes", BigInteger, nullable=False),
    Column("redacted", Integer, nullable=False),
    Column("sealed", Text, nullable=False),
)
ARCHIVE_BY_TIME: Final = Index("archive_at", archive.c.at_us, archive.c.id)
ARCHIVE_BY_CONSUMER: Final = Index("archive_consumer", archive.c.consumer, archive.c.at_us)
ARCHIVE_BY_END: Final = Index("archive_until", archive.c.until_us)
