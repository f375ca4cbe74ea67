"""A store on PostgreSQL: turns by advisory locks, index scans only, notices from others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.errors import StoreAway
from sluicegate.metrics import Metrics
from sluicegate.settings import Settings
from sluicegate.store import queries
from sluicegate.store.access import Access
from sluicegate.store.contract import Moved, SchemaMismatch
from sluicegate.store.engine import open_engine
from sluicegate.store.postgres import Postgres, lock_number
from sluicegate.store.transactions import Transactions
from support.loops import run
from support.mock_clock import MockClock
from support.postgres import Postgres as Server
from support.postgres import store_settings
from support.stores import ANN, change, load, many_keys, opened, write


@asynccontextmanager
async def transactions(settings: Settings) -> AsyncIterator[Transactions]:
    access = Access(open_engine(settings), 40.0, MockClock(), Metrics())
    try:
        yield Transactions(access)
    finally:
        await access.close()


@given(st.text(max_size=20), st.text(max_size=20))
def test_the_number_of_a_lock_is_one_of_postgresqls_and_always_the_same(
    kind: str, name: str
) -> None:
    kind, name = (each.encode(errors="ignore").decode() for each in (kind, name))
    number = lock_number(kind, name)
    assert -(2**63) <= number < 2**63
    assert number == lock_number(kind, name)
    assert number != lock_number(kind, name + "x")


def test_a_name_waits_for_its_own_turn_only(postgres_url: str) -> None:
    async def work() -> None:
        settings = store_settings(postgres_url)
        server = Postgres(settings.store, MockClock())
        async with transactions(settings) as found, opened(settings) as store:
            async with found.write() as connection:
                await server.lock(connection, [("route", "a"), ("route", "b")])
                await write(store, change("route", "c", {}))
                waiting = asyncio.ensure_future(write(store, change("route", "b", {})))
                all_ = asyncio.ensure_future(store.write([], ANN, looked_at=0))
                await asyncio.wait([waiting, all_], timeout=0.2)
                assert not waiting.done()
                assert not all_.done()
            await waiting
            with pytest.raises(Moved):
                await all_

    run(work())


def test_a_lock_that_is_not_had_in_time_is_a_store_that_is_away(postgres_url: str) -> None:
    async def work() -> None:
        settings = store_settings(postgres_url)
        # The server ends it after four fifths of the time, and may be held up for the fifth.
        short = store_settings(postgres_url, timeout=10.0)
        server = Postgres(settings.store, MockClock())
        async with transactions(settings) as found, opened(short) as store:
            async with found.write() as connection:
                await server.lock(connection, None)
                with pytest.raises(StoreAway, match="took too long"):
                    await write(store, change("route", "a", {}))
            await write(store, change("route", "a", {}))

    run(work())


def test_one_sweeps_at_a_time(postgres_url: str) -> None:
    async def work() -> None:
        settings = store_settings(postgres_url)
        server = Postgres(settings.store, MockClock())
        clock = MockClock()
        async with transactions(settings) as found, opened(settings, clock) as store:
            await write(store, change("route", "a", {}))
            await write(store, change("route", "a", {}))
            clock.advance(1)
            async with found.write() as connection:
                assert await server.may_sweep(connection)
                assert await store.sweep(clock.wall_us()) == 0
            assert await store.sweep(clock.wall_us()) == 1

    run(work())


def test_a_database_without_a_schema_says_what_to_do(postgres: Server) -> None:
    url = postgres.database(empty=True)

    async def work() -> None:
        with pytest.raises(SchemaMismatch, match="run `sluicegate migrate`"):
            async with opened(store_settings(url)):
                pass

    run(work())
    postgres.drop(url.rpartition("/")[2])


def test_a_server_that_is_not_there_is_a_store_that_is_away() -> None:
    async def work() -> None:
        with pytest.raises(StoreAway):
            async with opened(store_settings("postgresql://127.0.0.1:1/x")):
                pass

    run(work())


def test_who_listens_hears_of_what_others_write_and_of_what_replication_brings(
    postgres_url: str,
) -> None:
    async def work() -> None:
        settings = store_settings(postgres_url)
        async with opened(settings) as one, opened(settings) as other:
            heard = asyncio.Event()
            end = await one.listen(heard.set, lambda: None)
            await write(other, change("route", "r", {}))
            await asyncio.wait_for(heard.wait(), 40)
            heard.clear()
            await load(settings, many_keys(1, consumers=1))
            await asyncio.wait_for(heard.wait(), 40)
            end()

    run(work())


def test_a_key_and_a_page_of_keys_are_found_by_index_among_many(postgres_url: str) -> None:
    async def work() -> None:
        settings = store_settings(postgres_url)
        server = Postgres(settings.store, MockClock())
        await load(settings, many_keys(20_000), quick=True)
        owner = ["consumer-0000003"]
        for asked, most in (
            (queries.key().params(name="sg_local_00012345"), 6),
            (queries.head("key", "sg_local_00012345"), 2),
            (queries.listing(page(), server.one_of), 250),
            (queries.listing(page(after="sg_local_00012345"), server.one_of), 250),
            (queries.listing(page(prefix="sg_local_0001234"), server.one_of), 50),
            (queries.listing(page(owners=owner), server.one_of), 100),
            (queries.listing(page(owners=[*owner, "x"]), server.one_of), 100),
            (queries.audit(None, None, 100, None, None, 0), 120),
        ):
            await reads_few(settings, asked, most)

    run(work())


def test_a_key_is_found_by_index_also_where_nothing_is_known_of_the_table(
    postgres_url: str,
) -> None:
    async def work() -> None:
        settings = store_settings(postgres_url)
        await load(settings, many_keys(5000))
        await reads_few(settings, queries.key().params(name="sg_local_00001234"), 6)
        await reads_few(settings, queries.head("consumer", "consumer-0000003"), 2)

    run(work())


async def reads_few(settings: Settings, asked: Any, most: int) -> None:
    async with transactions(settings) as found, found.read() as connection:
        counted = await explained(connection, asked)
    assert "Seq Scan" not in counted, (str(asked), counted)
    assert sum(counted.values()) <= most, (str(asked), counted)


def page(after: str = "", prefix: str = "", owners: list[str] | None = None) -> queries.Page:
    return queries.Page("key", after, 100, prefix, owners, None)


async def explained(connection: Any, asked: Any) -> dict[str, int]:
    """Run a statement and return how many rows each kind of scan has looked at."""
    compiled = asked.compile(dialect=connection.dialect)
    raw = await connection.get_raw_connection()
    values = [compiled.params[name] for name in compiled.positiontup]
    rows = await raw.driver_connection.fetchval(
        f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled}", *values
    )
    counted: dict[str, int] = {}

    def walk(node: dict[str, Any]) -> None:
        if "Relation Name" in node:
            looked = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            kind = node["Node Type"]
            counted[kind] = counted.get(kind, 0) + round(looked * node["Actual Loops"])
        for inner in node.get("Plans", []):
            walk(inner)

    walk(rows[0]["Plan"])  # SQLAlchemy has its connections read JSON
    return counted
