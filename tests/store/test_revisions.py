"""How a store asks: few statements however much is asked for, and none for what cannot be there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from sluicegate.clock import Clock
from sluicegate.metrics import Metrics
from sluicegate.settings import Settings
from sluicegate.store.access import Access
from sluicegate.store.engine import open_engine
from sluicegate.store.revisions import RevisionStore
from sluicegate.store.sqlite import Sqlite
from sluicegate.store.transactions import Transactions
from support.loops import run
from support.stores import ANN, change


class Counted:
    """A store in a file, and the statements that are sent to it."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(data_dir=str(folder))
        self.engine = open_engine(settings)
        access = Access(self.engine, 40.0, Clock(), Metrics())
        self.store = RevisionStore(Transactions(access), Sqlite(settings), "eu", Clock())

    @contextmanager
    def statements(self) -> Iterator[list[str]]:
        """Collect what is asked in the block, without the begin of transactions."""
        found: list[str] = []

        def asked(_: object, __: object, statement: str, *___: object) -> None:
            if not statement.startswith("BEGIN"):
                found.append(statement)

        event.listen(self.engine.sync_engine, "before_cursor_execute", asked)
        yield found
        event.remove(self.engine.sync_engine, "before_cursor_execute", asked)


@pytest.fixture
def counted(tmp_path: Path) -> Counted:
    return Counted(tmp_path)


def test_a_key_is_one_query(counted: Counted) -> None:
    async def work() -> None:
        store = counted.store
        await store.start()
        await store.write(
            [
                change("team", "t", {}),
                change("consumer", "c", {"team": "t"}),
                change("key", "k", {"consumer": "c"}),
            ],
            ANN,
        )
        with counted.statements() as asked:
            assert await store.key("k")
        assert len(asked) == 1
        with counted.statements() as asked:
            assert await store.key("other") is None
        assert len(asked) == 1
        await store.close()

    run(work())


def test_a_large_write_asks_no_more_than_a_small_one(counted: Counted) -> None:
    async def work() -> None:
        store = counted.store
        await store.start()
        for count in (1, 90, 900):
            asked_for = [change("route", f"r{n}", {}) for n in range(count)]
            with counted.statements() as asked:
                await store.write(asked_for, ANN)
            assert len(asked) == 2
        with counted.statements() as asked:
            await store.listing("route", limit=900)
            await store.current(["route", "service"])
            await store.last_used([f"r{n}" for n in range(900)])
        assert len(asked) == 1 + 2 + 1
        await store.close()

    run(work())


def test_nothing_is_asked_for_what_no_row_can_hold(counted: Counted) -> None:
    async def work() -> None:
        store = counted.store
        await store.start()
        with counted.statements() as asked:
            assert await store.key("\0") is None
            assert await store.revision("' OR 1=1") is None
            assert await store.history("key", "k", before="x") == []
        assert asked == []
        await store.close()

    run(work())
