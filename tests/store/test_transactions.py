"""Transactions are whole: what is read is of one moment, what is written is there or is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import insert, select, text

from sluicegate.clock import Clock
from sluicegate.errors import StoreAway
from sluicegate.metrics import Metrics
from sluicegate.settings import Settings
from sluicegate.store.access import Access
from sluicegate.store.engine import open_engine
from sluicegate.store.tables import uses
from sluicegate.store.transactions import Transactions
from support.loops import run
from support.stores import opened


@asynccontextmanager
async def transactions(settings: Settings) -> AsyncIterator[Transactions]:
    async with opened(settings):  # the schema is there
        pass
    found = Transactions(Access(open_engine(settings), 40.0, Clock(), Metrics()))
    try:
        yield found
    finally:
        await found.close()


async def add(found: Transactions, key: str) -> None:
    async with found.write() as connection:
        await connection.execute(insert(uses).values(key=key, at_us=1))


def test_what_is_written_is_committed_at_the_end(settings: Settings) -> None:
    async def work() -> None:
        async with transactions(settings) as found:
            await add(found, "a")
            async with found.read() as connection:
                assert (await connection.execute(select(uses.c.key))).scalars().all() == ["a"]

    run(work())


def test_nothing_is_written_where_something_is_raised(settings: Settings) -> None:
    async def work() -> None:
        async with transactions(settings) as found:
            with pytest.raises(KeyError):
                await fail(found)
            await add(found, "b")
            async with found.read() as connection:
                assert (await connection.execute(select(uses.c.key))).scalars().all() == ["b"]

    async def fail(found: Transactions) -> None:
        async with found.write() as connection:
            await connection.execute(insert(uses).values(key="a", at_us=1))
            raise KeyError

    run(work())


def test_a_snapshot_sees_one_moment(settings: Settings) -> None:
    async def work() -> None:
        async with transactions(settings) as found:
            await add(found, "a")
            async with found.snapshot() as connection:
                before = (await connection.execute(select(uses))).all()
                await add(found, "b")
                assert (await connection.execute(select(uses))).all() == before
            async with found.read() as connection:
                assert len((await connection.execute(select(uses))).all()) == 2

    run(work())


def test_after_the_end_the_store_is_away(settings: Settings) -> None:
    async def work() -> None:
        async with transactions(settings) as found:
            await found.close()
            with pytest.raises(StoreAway):
                async with found.read() as connection:
                    await connection.execute(text("SELECT 1"))

    run(work())
