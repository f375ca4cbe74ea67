from __future__ import annotations

import asyncpg
import pytest

from sluicegate.store.engine import connector
from sluicegate.store.migrations.schema_0002_pre import POSTGRES_EXPIRE, POSTGRES_MONTH
from sluicegate.store.tables import LOCKS, PARTING
from support.entries import DAY, Entries
from support.loops import run
from support.mock_clock import EPOCH_US, MockClock
from support.postgres import Postgres, store_settings
from support.stores import opened

EVER = 2**52
PARTS = """
SELECT c.relname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
    WHERE inhparent = 'ledger'::regclass ORDER BY c.relname
"""
COUNTS = "SELECT tableoid::regclass, count(*) FROM ledger GROUP BY 1"
ROLES = """
CREATE ROLE {name} LOGIN PASSWORD 'only-here';
GRANT {rights} ON ALL TABLES IN SCHEMA public TO {name}
"""


def parts(postgres: Postgres, url: str) -> dict[str, int]:
    """Return how many rows each partition has."""
    database = url.rpartition("/")[2]
    empty = {name: 0 for [name] in postgres.execute(PARTS, database)}
    return empty | {name: int(count) for name, count in postgres.execute(COUNTS, database)}


def test_the_functions_take_the_lock_that_others_know() -> None:
    for function in (POSTGRES_MONTH, POSTGRES_EXPIRE):
        assert f"pg_advisory_xact_lock({LOCKS}, {PARTING})" in function


def test_this_month_and_the_next_ones_get_partitions(postgres: Postgres, postgres_url: str) -> None:
    async def work() -> None:
        async with opened(store_settings(postgres_url)) as store:
            await store.ledger.prepare(EPOCH_US)

    run(work())
    assert parts(postgres, postgres_url) == {
        "ledger_2023_11": 0, "ledger_2023_12": 0, "ledger_2024_01": 0, "ledger_rest": 0,
    }  # fmt: skip


def test_what_came_before_its_month_is_brought_into_it(
    postgres: Postgres, postgres_url: str
) -> None:
    make = Entries()
    soon = EPOCH_US + 150 * DAY

    async def work() -> None:
        async with opened(store_settings(postgres_url)) as store:
            entries = [make(EPOCH_US), make(soon), make(0), make(soon)]
            assert await store.ledger.book(entries) == 4
        assert parts(postgres, postgres_url) == {"ledger_2023_11": 1, "ledger_rest": 3}
        async with opened(store_settings(postgres_url), MockClock(soon)) as store:
            assert await store.ledger.book([make(soon)]) == 1
            assert len(await store.ledger.entries(0, EVER, {})) == 5

    run(work())
    assert parts(postgres, postgres_url) == {
        "ledger_2023_11": 1, "ledger_2024_04": 3, "ledger_rest": 1,
    }  # fmt: skip


def test_months_that_have_passed_go_as_a_whole(postgres: Postgres, postgres_url: str) -> None:
    make = Entries()

    async def work() -> None:
        async with opened(store_settings(postgres_url)) as store:
            days = (-70, -40, -5, 0, 3)
            await store.ledger.book([make(EPOCH_US + day * DAY) for day in days])
            assert await store.ledger.expire(EPOCH_US - 4 * DAY) == 3

    run(work())
    assert parts(postgres, postgres_url) == {"ledger_2023_11": 2, "ledger_rest": 0}


def test_a_role_that_owns_nothing_may_do_what_a_replica_does(
    postgres: Postgres, postgres_url: str
) -> None:
    role = f"ordinary_{postgres_url.rpartition('/')[2]}"
    rights = "SELECT, INSERT, UPDATE, DELETE"
    postgres.execute(ROLES.format(name=role, rights=rights), postgres_url.rpartition("/")[2])
    settings = store_settings(postgres_url, username=role, password="only-here")

    async def work() -> None:
        async with opened(settings) as store:
            await store.ledger.prepare(EPOCH_US)
            assert await store.ledger.book([Entries()(EPOCH_US - 60 * DAY)]) == 1
            assert await store.ledger.expire(EPOCH_US) == 1

    run(work())
    assert "ledger_2023_09" not in parts(postgres, postgres_url)
    postgres.execute(f"DROP OWNED BY {role}; DROP ROLE {role}", postgres_url.rpartition("/")[2])


def test_who_may_only_read_changes_nothing(postgres: Postgres, postgres_url: str) -> None:
    role = f"reader_{postgres_url.rpartition('/')[2]}"
    database = postgres_url.rpartition("/")[2]
    postgres.execute(ROLES.format(name=role, rights="SELECT"), database)
    settings = store_settings(postgres_url, username=role, password="only-here")

    async def work() -> None:
        link = await connector(settings.store)()
        for call in ("sluicegate_ledger_month(0)", "sluicegate_ledger_expire(0)"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await link.execute(f"SELECT {call}")
        await link.close()

    run(work())
    assert parts(postgres, postgres_url) == {"ledger_rest": 0}
    postgres.execute(f"DROP OWNED BY {role}; DROP ROLE {role}", database)


def test_what_was_said_stands_in_one_column(postgres: Postgres, postgres_url: str) -> None:
    query = (
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'archive' "
        "AND data_type IN ('text', 'bytea', 'json', 'jsonb') ORDER BY 1"
    )
    found = postgres.execute(query, postgres_url.rpartition("/")[2])
    assert [name for [name] in found] == [
        "consumer", "id", "model", "request_id", "route", "sealed", "team",
    ]  # fmt: skip
