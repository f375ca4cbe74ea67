from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from sluicegate.admin.actuator import Info
from sluicegate.clock import Clock
from sluicegate.errors import StoreAway
from sluicegate.metrics import Metrics
from sluicegate.process.messages import Forget
from sluicegate.process.store_side import StoreSide, management_front
from sluicegate.settings import Settings
from sluicegate.settings.store import Store
from sluicegate.snapshot.document import Resources
from support.exchanges import exchange

NOTHING = Resources.of({})


class Replica:
    def __init__(self) -> None:
        self.delivered: list[Resources] = []

    def deliver(self, stored: Resources) -> None:
        self.delivered.append(stored)

    def forget(self, forget: Forget) -> None:
        """Nobody is told anything here."""


def side(settings: Settings) -> tuple[StoreSide, Replica, list[Any]]:
    replica, opened = Replica(), []
    made = StoreSide(settings, Clock(), Metrics(), replica, opened.append)
    return made, replica, opened


def test_it_begins_with_the_first_file_and_opens_the_admin_api(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = Settings(store=Store(url="sqlite:///store.db"), data_dir=str(tmp_path))
        one, replica, opened = side(settings)
        try:
            await one.declare(b"services: {}")
            with pytest.raises(StoreAway):
                await one.find("sg_a_00000000")
            assert await one.take_file(NOTHING) == []
            assert (len(opened), len(replica.delivered)) == (1, 1)
            assert await one.find("sg_a_00000000") is None
            one.running("0123456789abcdef")
            one.used({"sg_a_00000000": 1})
            await one.declare(b"services: {}")
            assert await one.take_file(NOTHING) == []
            assert (len(opened), len(replica.delivered)) == (1, 2)
        finally:
            await one.close()

    asyncio.run(scenario())


def test_what_no_waiting_would_mend_is_a_fault(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = Store(url="postgresql://127.0.0.1/db", username="me")
        one, replica, opened = side(Settings(store=store, data_dir=str(tmp_path)))
        faults = await one.take_file(NOTHING)
        assert [fault.path for fault in faults] == ["peppers", "store.master_keys"]
        assert (opened, replica.delivered) == ([], [])
        await one.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(("url", "status"), [("none", 404), ("sqlite:///store.db", 503)])
def test_before_there_is_an_admin_api_the_port_says_why(url: str, status: int) -> None:
    settings = Settings(store=Store(url=url))
    front = management_front(settings, cast("Any", None), Info("local", 0))
    asked = exchange("GET", "/admin/v1/routes", host="127.0.0.1")
    asyncio.run(front.handle(asked))
    assert asked.response is not None
    assert asked.response.status == status
