"""What is not the same on both servers, or is seen only from inside: `tests/contracts` has more."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from sluicegate.settings import Settings
from sluicegate.store import kept_ledger
from sluicegate.store.kept_ledger import month_us
from support.entries import SECOND, Entries
from support.loops import run
from support.postgres import Postgres, store_settings
from support.stores import opened

EVER = 2**52


@given(st.integers(0, 2**52), st.integers(0, 30))
def test_months_follow_each_other(at_us: int, later: int) -> None:
    first = datetime.fromtimestamp(month_us(at_us) // SECOND, UTC)
    then = datetime.fromtimestamp(month_us(at_us, later) // SECOND, UTC)
    assert (then.year * 12 + then.month) - (first.year * 12 + first.month) == later
    assert (then.day, then.hour, then.minute, then.second) == (1, 0, 0, 0)
    assert month_us(at_us) <= at_us < month_us(at_us, 1)


def test_many_windows_expire_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_ledger, "WINDOW", 3)

    async def work() -> None:
        make = Entries()
        async with opened(Settings(data_dir=str(tmp_path))) as store:
            await store.ledger.book([make() for _ in range(9)])
            assert await store.ledger.expire(EVER) == 9
            assert await store.ledger.entries(0, EVER, {}) == []

    run(work())


@pytest.mark.parametrize("count", [1, 49, 50, 51, 500, 1101])
def test_sqlite_keeps_as_many_as_come(tmp_path: Path, count: int) -> None:
    async def work() -> None:
        make = Entries()
        entries = [make() for _ in range(count)]
        async with opened(Settings(data_dir=str(tmp_path))) as store:
            assert await store.ledger.book(entries) == count
            assert await store.ledger.book(entries) == 0
            kept = await store.ledger.entries(0, EVER, {}, limit=2000)
            assert sorted(each.id for each in kept) == sorted(each.id for each in entries)
            assert {each.id: each for each in kept} == {each.id: each for each in entries}

    run(work())


def test_entries_are_kept_where_no_partition_can_be_made(
    postgres: Postgres, postgres_url: str
) -> None:
    database = postgres_url.rpartition("/")[2]
    postgres.execute("DROP FUNCTION sluicegate_ledger_month", database)

    async def work() -> None:
        make = Entries()
        async with opened(store_settings(postgres_url)) as store:
            with capture_logs() as logs:
                assert await store.ledger.book([make()]) == 1
                assert await store.ledger.book([make()]) == 1
            assert [log["event"] for log in logs] == ["ledger_partition_not_made"]

    run(work())
    assert postgres.execute("SELECT count(*) FROM ledger_rest", database) == [["2"]]
