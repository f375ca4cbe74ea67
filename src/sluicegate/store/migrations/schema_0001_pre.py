"""The first schema."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001_pre"
down_revision: Final = None

# An apply worker of logical replication has an empty search path, hence FROM CURRENT, and fires
# only row triggers that are ENABLE ALWAYS. The lock is held until what was inserted can be seen.
# It also does not wait for the disk unless told: a number that was read must survive a crash, or
# another revision could have it afterwards.
POSTGRES_ARRIVE: Final = (
    """
CREATE FUNCTION sluicegate_arrive() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
AS $$ BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'local', true);
    END IF;
    PERFORM pg_advisory_xact_lock(1397511491, 0);
    INSERT INTO arrivals (revision) VALUES (NEW.id);
    PERFORM pg_notify('sluicegate', '');
    RETURN NULL;
END $$""",
    """
CREATE TRIGGER revisions_arrive AFTER INSERT ON revisions
    FOR EACH ROW EXECUTE FUNCTION sluicegate_arrive()""",
    "ALTER TABLE revisions ENABLE ALWAYS TRIGGER revisions_arrive",
)
SQLITE_ARRIVE: Final = (
    """
CREATE TRIGGER revisions_arrive AFTER INSERT ON revisions
    BEGIN INSERT INTO arrivals (revision) VALUES (NEW.id); END""",
)


def upgrade() -> None:
    """Make all tables, and what numbers arrivals."""
    postgres = op.get_bind().dialect.name == "postgresql"
    _replicated(sa.Text(collation="C") if postgres else sa.Text())
    _local(sa.Text(collation="C") if postgres else sa.Text())
    for statement in POSTGRES_ARRIVE if postgres else SQLITE_ARRIVE:
        op.execute(statement)


def _replicated(bytewise: sa.Text) -> None:
    op.create_table(
        "revisions",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("kind", bytewise, nullable=False),
        sa.Column("name", bytewise, nullable=False),
        sa.Column("stamp", sa.BigInteger(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("content", sa.Text()),
        sa.Column("owner", bytewise),
        sa.Column("plan", bytewise),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
    )
    latest_first = (sa.text("stamp DESC"), sa.text("id DESC"))
    op.create_index("revisions_newest", "revisions", ["kind", "name", *latest_first])
    op.create_index("revisions_owner", "revisions", ["kind", "owner", "name"])
    op.create_index("revisions_plan", "revisions", ["kind", "plan", "name"])
    op.create_table(
        "data_keys",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("master", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
    )


def _local(bytewise: sa.Text) -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "arrivals",
        sa.Column("seq", number, sa.Identity(always=True), primary_key=True),
        sa.Column("revision", sa.Uuid(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("arrivals_revision", "arrivals", ["revision"])
    op.create_table(
        "answers",
        sa.Column("actor", sa.Text(), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "replicas",
        sa.Column("replica", sa.Text(), primary_key=True),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("arrival", sa.BigInteger(), nullable=False),
        sa.Column("unfit", sa.Integer(), nullable=False),
        sa.Column("seen_us", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "uses",
        sa.Column("key", bytewise, primary_key=True),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
    )
