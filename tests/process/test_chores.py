from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from sluicegate.errors import StoreAway
from sluicegate.process import turns as module
from sluicegate.process.chores import FIRST_SWEEP_S, REPORT_S, SWEEP_S, Chores
from support.mock_clock import MockClock

ROW: Any = object()


class Store:
    """Keeps what it is told, unless it is away or broken."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        async def tell(value: Any) -> None:
            if self.error is not None:
                raise self.error
            self.told.append((name, value))

        return tell


def made() -> tuple[Chores, Store, MockClock]:
    store, clock = Store(), MockClock()
    return Chores(cast("Any", store), clock, 60.0, lambda: ROW), store, clock


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_replica_says_what_it_runs_at_once_and_again() -> None:
    async def scenario() -> None:
        chores, store, clock = made()
        chores.start()
        await turns()
        assert store.told.count(("report", ROW)) == 1
        clock.advance(REPORT_S)
        await turns()
        assert store.told.count(("report", ROW)) == 2
        await chores.close()

    asyncio.run(scenario())


def test_revisions_of_before_the_retention_are_swept_every_hour() -> None:
    async def scenario() -> None:
        chores, store, clock = made()
        chores.start()
        await turns()
        assert all(name != "sweep" for name, _ in store.told)  # a start has enough to do
        clock.advance(FIRST_SWEEP_S)
        await turns()
        first = clock.wall_us() - 60_000_000
        clock.advance(SWEEP_S)
        await turns()
        swept = [value for name, value in store.told if name == "sweep"]
        assert swept == [first, first + int(SWEEP_S * 1e6)]
        await chores.close()

    asyncio.run(scenario())


def test_used_keys_are_noted_together_with_the_last_time() -> None:
    async def scenario() -> None:
        chores, store, _ = made()
        chores.used({"a": 1, "b": 2})
        chores.used({"a": 3})
        await chores.close()
        assert store.told == [("used", {"a": 3, "b": 2})]

    asyncio.run(scenario())


def test_what_a_store_that_is_away_did_not_take_is_kept_under_what_is_newer() -> None:
    async def scenario() -> None:
        chores, store, _ = made()
        store.error = StoreAway("down")
        chores.used({"a": 1, "b": 2})
        await chores.close()
        chores.used({"a": 3})
        store.error = None
        await chores.close()
        assert store.told == [("used", {"a": 3, "b": 2})]

    asyncio.run(scenario())


def test_what_breaks_once_is_said_and_tried_again() -> None:
    async def scenario() -> None:
        chores, store, clock = made()
        store.error = RuntimeError("a bug")
        with capture_logs() as logs:
            chores.start()
            await turns()
        assert any(line["log_level"] == "error" for line in logs)
        store.error = None
        clock.advance(REPORT_S)
        await turns()
        assert ("report", ROW) in store.told
        await chores.close()

    asyncio.run(scenario())


def test_the_end_does_not_wait_for_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_S", 0)

    async def scenario() -> None:
        chores, store, clock = made()
        begun = asyncio.Event()

        async def sweep(_: int) -> None:
            begun.set()
            await asyncio.Event().wait()

        store.sweep = sweep  # type: ignore[attr-defined]
        chores.start()
        await turns()
        clock.advance(FIRST_SWEEP_S)
        await begun.wait()
        chores.used({"k": 1})
        await chores.close()
        assert ("used", {"k": 1}) in store.told

    asyncio.run(scenario())
