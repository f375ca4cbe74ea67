from __future__ import annotations

from sluicegate.clock import Clock
from sluicegate.settings import Settings, State
from sluicegate.settings.store import Store
from sluicegate.state.archive import Archive, open_archive
from sluicegate.state.archive_in_memory import MemoryArchive
from sluicegate.state.redis.archive import RedisArchive
from support.loops import run


def opened(url: str, workers: int = 1, store: str = "sqlite:///a.db") -> Archive | None:
    settings = Settings(state=State(url=url), store=Store(url=store))
    return open_archive(settings, Clock(), workers)


def test_lines_wait_where_the_state_is() -> None:
    async def work() -> None:
        assert isinstance(opened("memory://"), MemoryArchive)
        for workers in (1, 2):
            remote = opened("redis://127.0.0.1:1/0", workers)
            assert isinstance(remote, RedisArchive)
            remote.close()

    run(work())


def test_nothing_waits_where_nobody_would_come_for_it() -> None:
    async def work() -> None:
        assert opened("memory://", workers=2) is None
        assert opened("memory://", store="none") is None
        assert opened("redis://127.0.0.1:1/0", store="none") is None

    run(work())
