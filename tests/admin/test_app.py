from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from litestar import Controller, get

from sluicegate.admin.identity import Caller, Controlled, Timed
from sluicegate.errors import StoreAway
from support.admin_frame import frame


class Mine(Controller):
    """A controller of somebody else."""

    path = "/mine"

    @get()
    async def show(self, who: Caller, control: Controlled, clock: Timed) -> dict[str, str]:
        return {"who": who.name, "region": control.region, "at": str(clock.wall_us())}


def test_a_controller_gets_the_caller_the_control_and_the_clock(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path, [Mine]) as api:
            answer = await api.get("/mine")
            at = str(api.clock.wall_us())
            assert answer.json() == {"who": "first-token", "region": "local", "at": at}
            assert (await api.get("/mine", token=None)).status_code == 401

    asyncio.run(work())


@pytest.mark.parametrize("path", ["/whoami", "/nothing", "/admin/docs", "/tokens?limit=x"])
def test_no_answer_is_kept_framed_or_guessed_at(tmp_path: Path, path: str) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            headers = (await api.get(path)).headers
            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]

    asyncio.run(work())


def test_a_store_that_is_away_is_503_and_says_when_to_ask_again(tmp_path: Path) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreAway("postgresql://gw:hunter2@db")

    async def work() -> None:
        async with frame(tmp_path) as api:
            token = await api.token("viewer")
            api.desk.store.head = api.desk.store.audit = away
            for asked in (await api.get("/audit"), await api.get("/whoami", token=token)):
                assert asked.status_code == 503
                assert asked.json()["type"] == "urn:sluicegate:problem:store-away"
                assert asked.headers["retry-after"] == "2"
                assert "hunter2" not in asked.text

    asyncio.run(work())


def test_an_unknown_path_and_an_unknown_method_are_problems(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            for path in ("/admin", "/admin/v2/routes", "/admin/v1", "/nothing"):
                answer = await api.get(path)
                assert answer.status_code == 404
                assert answer.headers["content-type"] == "application/problem+json"
            answer = await api.ask("PUT", "/whoami", headers={"x-request-id": "r-1"})
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET, OPTIONS")
            assert answer.json()["instance"] == "urn:request:r-1"

    asyncio.run(work())
