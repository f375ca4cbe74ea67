"""The ledger: what calls of models used and cost; the archive: what was asked and answered."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002_pre"
down_revision: Final = "0001_pre"

# Partitions are the owner's to make and to drop, and replicas run as another role: these two run as
# the owner (SECURITY DEFINER) for whoever may write to the ledger. Hence the search path without
# places where others could put something of the same name. What stands in `ledger_rest` came
# before its month had a partition. A partition is attached, and not made in place, since that
# does not wait for those who use the table.
POSTGRES_MONTH: Final = """
CREATE FUNCTION sluicegate_ledger_month(at_us bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    first timestamp := date_trunc('month', to_timestamp(at_us / 1000000) AT TIME ZONE 'UTC');
    low bigint := extract(epoch FROM first)::bigint * 1000000;
    high bigint := extract(epoch FROM first + interval '1 month')::bigint * 1000000;
    child text := 'ledger_' || to_char(first, 'YYYY_MM');
BEGIN
    IF NOT has_table_privilege(session_user, '{schema}.ledger', 'INSERT') THEN
        RAISE insufficient_privilege USING MESSAGE = 'no right to write to the ledger';
    END IF;
    PERFORM set_config('lock_timeout', '1s', true);
    PERFORM pg_advisory_xact_lock(1397511491, 5);
    -- A query, as `to_regclass` may still know what was so before the lock.
    PERFORM FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = '{schema}.ledger'::regclass AND c.relname = child;
    IF FOUND THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE ledger INCLUDING DEFAULTS)', child);
    LOCK TABLE ledger_rest IN ACCESS EXCLUSIVE MODE;
    EXECUTE format(
        'WITH early AS (DELETE FROM ledger_rest WHERE at_us >= %s AND at_us < %s RETURNING *)'
        ' INSERT INTO %I SELECT * FROM early', low, high, child);
    EXECUTE format(
        'ALTER TABLE ledger ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', child, low, high);
    RETURN true;
END $$"""
POSTGRES_EXPIRE: Final = """
CREATE FUNCTION sluicegate_ledger_expire(before_us bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
DECLARE
    kept text := 'ledger_' || to_char(
        to_timestamp(before_us / 1000000) AT TIME ZONE 'UTC', 'YYYY_MM');
    child text;
    known real;
    counted bigint;
    gone bigint := 0;
BEGIN
    IF NOT has_table_privilege(session_user, '{schema}.ledger', 'DELETE') THEN
        RAISE insufficient_privilege USING MESSAGE = 'no right to take from the ledger';
    END IF;
    PERFORM set_config('lock_timeout', '1s', true);
    PERFORM pg_advisory_xact_lock(1397511491, 5);
    FOR child, known IN
        SELECT c.relname, c.reltuples FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = '{schema}.ledger'::regclass
            AND c.relname ~ '^ledger_[0-9][0-9][0-9][0-9]_[0-9][0-9]$'
            AND c.relname COLLATE "C" < kept
        ORDER BY c.relname
    LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT FROM %I LIMIT 100000) AS part', child)
            INTO counted;
        EXECUTE format('DROP TABLE %I', child);
        gone := gone + greatest(counted, known::bigint);
    END LOOP;
    RETURN gone;
END $$"""


def upgrade() -> None:
    """Make the tables; on PostgreSQL the ledger is parted by months."""
    connection = op.get_bind()
    postgres = connection.dialect.name == "postgresql"
    bytewise = sa.Text(collation="C") if postgres else sa.Text()
    _archive(bytewise)
    _ledger(bytewise)
    op.create_index("ledger_at", "ledger", ["at_us", "id"])
    for name in ("consumer", "team", "key", "model"):
        columns = [name, "at_us"]
        op.create_index(f"ledger_{name}", "ledger", columns, postgresql_include=["cost"])
    if postgres:
        op.execute("CREATE TABLE ledger_rest PARTITION OF ledger DEFAULT")
        schema = connection.execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
        for function in (POSTGRES_MONTH, POSTGRES_EXPIRE):
            op.execute(function.format(schema=schema))


def _ledger(bytewise: sa.Text) -> None:
    op.create_table(
        "ledger",
        sa.Column("id", bytewise, primary_key=True),
        sa.Column("at_us", sa.BigInteger(), primary_key=True),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        *(sa.Column(name, bytewise) for name in (
            "consumer", "team", "key", "plan", "route", "model", "provider", "deployment",
        )),
        sa.Column("cost", sa.BigInteger()),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in (
            "input", "output", "cached", "cache_write", "cache_write_1h", "reasoning",
            "audio_input", "audio_output", "image_input", "image_output",
        )),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in (
            "estimated", "unsettled", "from_cache", "stream",
        )),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("failure", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("endpoint", sa.Text()),
        sa.Column("asked", sa.Text()),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in (
            "duration_us", "first_token_us", "bytes_in", "bytes_out",
        )),
        sa.Column("region", bytewise, nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        postgresql_partition_by="RANGE (at_us)",
    )  # fmt: skip


def _archive(bytewise: sa.Text) -> None:
    """Make the archive. What was said stands in `sealed`, encrypted; the rest is for lists."""
    op.create_table(
        "archive",
        sa.Column("id", bytewise, primary_key=True),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        *(sa.Column(name, bytewise) for name in ("consumer", "team", "route", "model")),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("request_bytes", sa.BigInteger(), nullable=False),
        sa.Column("answer_bytes", sa.BigInteger(), nullable=False),
        sa.Column("redacted", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
    )
    op.create_index("archive_at", "archive", ["at_us", "id"])
    op.create_index("archive_consumer", "archive", ["consumer", "at_us"])
    op.create_index("archive_until", "archive", ["until_us"])
