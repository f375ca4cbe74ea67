from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from sluicegate.errors import StateAway
from sluicegate.metrics import Metrics
from sluicegate.process.archive_moving import BATCH, INTERVAL_S, ArchiveMoving
from sluicegate.settings import Settings
from sluicegate.store.archive import ArchiveQuery, sealed_as
from sluicegate.store.contract import Store
from sluicegate.store.vault import MasterKeyMissing, Vault
from support.archived import DAY_US, ToggledArchive, archived, written
from support.mock_clock import EPOCH_US, MockClock
from support.stores import opened

MASTER = {"main": b"m" * 32}


class Mover:
    """What moves, and what it moves from and to."""

    def __init__(self, store: Store, clock: MockClock, master: dict[str, bytes]) -> None:
        self.store, self.clock = store, clock
        self.archive = ToggledArchive()
        self.metrics = Metrics()
        self.vault = Vault(store, master, clock)
        self.moving = ArchiveMoving(self.archive, store.archive, self.vault, clock, self.metrics)

    async def put(self, *ids: str, until_us: int = EPOCH_US + DAY_US) -> None:
        for id_ in ids:
            assert await self.archive.put(written(archived(id_, until_us=until_us)))

    async def kept(self) -> list[str]:
        return sorted(row.id for row in await self.store.archive.listing(ArchiveQuery(limit=1000)))

    def counted(self, family: str) -> float:
        return self.metrics.families[f"sluicegate_archive_{family}_total"].cell().value


@asynccontextmanager
async def mover(folder: Path, master: dict[str, bytes] = MASTER) -> AsyncIterator[Mover]:
    clock = MockClock()
    async with opened(Settings(data_dir=str(folder)), clock) as store:
        yield Mover(store, clock, master)


def test_what_waits_is_kept_sealed_and_waits_no_more(tmp_path: Path) -> None:
    async def work() -> None:
        async with mover(tmp_path) as at:
            await at.put("a", "b")
            assert await at.moving.move() == 2
            assert await at.kept() == ["a", "b"]
            assert await at.archive.calls() == []
            row = await at.store.archive.get("a")
            assert row is not None
            assert "what?" not in repr(row)
            assert "what?" in await at.vault.open(sealed_as("a"), row.sealed.encode())
            assert at.counted("moved") == 2

    asyncio.run(work())


def test_what_is_read_twice_is_kept_once(tmp_path: Path) -> None:
    async def work() -> None:
        async with mover(tmp_path) as at:
            await at.put("a")
            await at.moving.move()
            await at.put("a", "b")
            assert await at.moving.move() == 2
            assert await at.kept() == ["a", "b"]

    asyncio.run(work())


def test_a_line_that_cannot_be_read_is_dropped_and_counted(tmp_path: Path) -> None:
    async def work() -> None:
        async with mover(tmp_path) as at:
            await at.archive.put(b"\xc1hunter2")
            await at.put("a")
            with structlog.testing.capture_logs() as logs:
                assert await at.moving.move() == 2
            assert await at.kept() == ["a"]
            assert at.counted("broken") == 1
            assert "hunter2" not in repr(logs)

    asyncio.run(work())


def test_without_a_master_key_lines_wait(tmp_path: Path) -> None:
    async def work() -> None:
        async with mover(tmp_path, {}) as at:
            await at.put("a")
            with pytest.raises(MasterKeyMissing):
                await at.moving.move()
            assert len(await at.archive.calls()) == 1

    asyncio.run(work())


def test_a_state_that_is_away_is_told_of_once(tmp_path: Path) -> None:
    async def work() -> None:
        async with mover(tmp_path) as at:
            at.archive.away = True
            with pytest.raises(StateAway):
                await at.moving.move()
            with structlog.testing.capture_logs() as logs:
                for _ in range(3):
                    await at.moving._turn()
                at.archive.away = False
                await at.moving._turn()
                await at.moving._turn()
            assert [entry.get("reason") for entry in logs] == ["StateAway", None]

    asyncio.run(work())


def test_it_goes_on_by_itself_and_empties_the_state_at_the_end(tmp_path: Path) -> None:
    async def work() -> None:
        async with mover(tmp_path) as at:
            names = [f"{number:03}" for number in range(BATCH + 1)]
            await at.put(*names)
            await at.moving._turn()
            assert await at.kept() == names
            at.moving.start()
            at.moving.start()
            at.clock.advance(INTERVAL_S)
            await at.put("last")
            await at.moving.close()
            assert await at.kept() == [*names, "last"]

    asyncio.run(work())


def test_what_is_too_old_is_deleted(tmp_path: Path) -> None:
    async def work() -> None:
        async with mover(tmp_path) as at:
            await at.put("short", until_us=EPOCH_US + 60_000_000)
            await at.put("long")
            await at.moving.move()
            at.clock.advance(60)
            await at.moving.expire()
            assert await at.kept() == ["long"]
            assert at.counted("expired") == 1

    asyncio.run(work())
