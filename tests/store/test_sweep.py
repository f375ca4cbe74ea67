"""A sweep goes by small windows, and finds in each what it would find in one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sluicegate.clock import Clock
from sluicegate.metrics import Metrics
from sluicegate.settings import Settings
from sluicegate.store.access import Access
from sluicegate.store.engine import open_engine
from sluicegate.store.sqlite import Sqlite
from sluicegate.store.sweep import sweep
from sluicegate.store.transactions import Transactions
from support.loops import run
from support.mock_clock import EPOCH_US
from support.stores import change, opened, write

SECOND = 1_000_000


@asynccontextmanager
async def transactions(settings: Settings) -> AsyncIterator[Transactions]:
    found = Transactions(Access(open_engine(settings), 40.0, Clock(), Metrics()))
    try:
        yield found
    finally:
        await found.close()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_windows_of_any_size_take_the_same(tmp_path: Path, size: int) -> None:
    settings = Settings(data_dir=str(tmp_path))

    async def work() -> None:
        async with opened(settings) as store, transactions(settings) as found:
            for number in range(7):
                await write(store, change("plan", f"p{number % 3}", {"n": number}))
            heads = await store.listing("plan")
            server = Sqlite(settings)
            assert await sweep(found, server, EPOCH_US, size) == 0
            assert await sweep(found, server, EPOCH_US + SECOND, size) == 4
            assert await store.listing("plan") == heads
            assert len(await store.audit()) == 3
            arrived = await store.arrivals(0)
            assert [revision.arrival for revision in arrived.revisions] == [5, 6, 7]

    run(work())


def test_an_empty_store_is_swept(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))

    async def work() -> None:
        async with opened(settings), transactions(settings) as found:
            assert await sweep(found, Sqlite(settings), EPOCH_US) == 0

    run(work())
