from __future__ import annotations

import asyncio
from pathlib import Path

from sluicegate.admin.replicas import SEEN_S
from sluicegate.store.contract import ReplicaRow
from support.admin_frame import frame


def test_replicas_say_what_they_run_as_long_as_they_are_there(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            row = ReplicaRow("gw-1", "local", "1.0", "cafe", 7, 1, api.clock.wall_us())
            await api.desk.store.report(row)
            api.clock.advance(SEEN_S - 1)
            (found,) = (await api.get("/replicas")).json()["items"]
            assert found == {
                "replica": "gw-1",
                "region": "local",
                "version": "1.0",
                "revision": "cafe",
                "arrival": 7,
                "unfit": 1,
                "seen_at": "2023-11-14T22:13:20Z",
            }
            api.clock.advance(2)
            assert (await api.get("/replicas")).json() == {"items": []}

    asyncio.run(work())


def test_a_token_of_a_team_has_no_business_with_them(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            token = await api.token("admin", team="red")
            assert (await api.get("/replicas", token=token)).status_code == 403

    asyncio.run(work())
