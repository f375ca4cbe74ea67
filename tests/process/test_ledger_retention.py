from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from structlog.testing import capture_logs

from sluicegate.errors import StoreAway
from sluicegate.process.ledger_retention import EXPIRE_S, FIRST_EXPIRY_S, PREPARE_S, Retention
from support.loops import run
from support.mock_clock import EPOCH_US, MockClock

DAY_US = 86_400 * 1_000_000


class Store:
    """Notes what it is asked, and fails as told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.error: Exception | None = None

    async def prepare(self, now_us: int) -> None:
        self.asked.append(("prepare", now_us))
        if self.error is not None:
            raise self.error

    async def expire(self, before_us: int) -> int:
        self.asked.append(("expire", before_us))
        return 3


def after(work: Callable[[Store, Callable[[float], Any]], Any]) -> None:
    async def scenario() -> None:
        clock, store = MockClock(), Store()
        retention = Retention(store, clock, 400 * 86_400.0)  # type: ignore[arg-type]  # by its methods

        async def wait(seconds: float) -> None:
            clock.advance(seconds)
            for _ in range(10):
                await asyncio.sleep(0)

        retention.start()
        for _ in range(3):
            await asyncio.sleep(0)
        await work(store, wait)
        await retention.close()
        before = len(store.asked)
        await wait(10 * EXPIRE_S)
        assert len(store.asked) == before

    run(scenario())


def test_partitions_are_made_at_once_and_entries_expire_later_and_daily() -> None:
    async def work(store: Store, wait: Callable[[float], Any]) -> None:
        assert store.asked == [("prepare", EPOCH_US)]
        with capture_logs() as logs:
            await wait(FIRST_EXPIRY_S)
        assert store.asked[1:] == [("expire", EPOCH_US + 600_000_000 - 400 * DAY_US)]
        assert [log["entries"] for log in logs] == [3]
        await wait(EXPIRE_S)
        assert [name for name, _ in store.asked].count("expire") == 2

    after(work)


def test_what_could_not_be_done_is_tried_again_soon() -> None:
    async def work(store: Store, wait: Callable[[float], Any]) -> None:
        await wait(0)
        for error, said in ((StoreAway("away"), 0), (ValueError("unexpected"), 1)):
            store.error = error
            store.asked.clear()
            with capture_logs() as logs:
                await wait(PREPARE_S)
            assert len(logs) - said in {0, 1}  # an expiry may be due as well
            store.error = None
            await wait(60)
            assert [name for name, _ in store.asked].count("prepare") == 2

    after(work)
