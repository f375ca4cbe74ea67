from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from litestar import Controller, post, put
from litestar.params import FromPath

from sluicegate.admin.identity import Caller, require
from sluicegate.errors import CONFLICT, Refused
from support.admin_frame import FIRST, audited, capture_logs, frame


class Things(Controller):
    """Handlers to knock at."""

    path = "/things"

    @put("/{name:str}")
    async def change(self, who: Caller, name: FromPath[str]) -> dict[str, Any]:
        require(who, "write", "route")
        if name == "taken":
            raise Refused(CONFLICT, "it is taken")
        return {"name": name}

    @post("/{name:str}/break")
    async def fail(self, who: Caller, name: FromPath[str]) -> None:
        raise RuntimeError(f"{name} of {who.name}: password=hunter2")


def test_a_name_arrives_with_its_slashes(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path, [Things]) as api:
            answer = await api.ask("PUT", "/things/a\ue000b")  # as the bridge writes %2F
            assert answer.json() == {"name": "a/b"}

    asyncio.run(work())


def test_a_refused_write_is_logged_with_who_what_and_from_where(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path, [Things]) as api:
            token = await api.token("viewer")
            with capture_logs() as logs:
                refused = await api.ask("PUT", "/things/a", token=token)
                conflict = await api.ask("PUT", "/things/taken")
                done = await api.ask("PUT", "/things/b")
                nobody = await api.ask("PUT", "/things/c", token=None)
        answers = (refused, conflict, done, nobody)
        assert [answer.status_code for answer in answers] == [403, 409, 200, 401]
        found = [e for e in audited(logs) if e["event"] == "change refused"]
        assert [(e["who"], e["path"], e["status"]) for e in found] == [
            (token[: len("sga_local_") + 8], "/admin/v1/things/a", 403),
            ("first-token", "/admin/v1/things/taken", 409),
            (None, "/admin/v1/things/c", 401),
        ]
        assert {(e["via"], e["method"]) for e in found} == {("127.0.0.1", "PUT")}
        assert FIRST not in str(logs)
        assert token not in str(logs)

    asyncio.run(work())


def test_a_read_that_is_refused_is_not_logged(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            token = await api.token("viewer")
            with capture_logs() as logs:
                assert (await api.get("/tokens", token=token)).status_code == 403
        assert not audited(logs)

    asyncio.run(work())


def test_a_mistake_of_ours_tells_the_caller_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path, [Things]) as api:
            with capture_logs() as logs:
                answer = await api.post("/things/a/break")
        assert answer.status_code == 500
        assert "hunter2" not in answer.text
        assert answer.json()["type"] == "urn:sluicegate:problem:internal-error"
        assert [e["event"] for e in logs] == ["admin request failed", "change refused"]

    asyncio.run(work())


def test_a_body_has_to_say_that_it_is_json(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path, [Things]) as api:
            for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
                headers = {"content-type": kind}
                answer = await api.ask("PUT", "/things/a", content=b"{}", headers=headers)
                assert answer.status_code == 415
            headers = {"content-type": "Application/JSON; charset=utf-8"}
            answer = await api.ask("PUT", "/things/a", content=b"{}", headers=headers)
            assert answer.status_code == 200

    asyncio.run(work())


def test_a_parameter_that_nobody_reads_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            for query, path in (
                ("?dryrun=true", "dryrun"),
                ("?limit", "limit"),
                ("?%6Cimit=1", "limit"),
            ):
                answer = await api.post("/tokens" + query, json={"role": "viewer"})
                assert answer.status_code == 422
                assert [error["path"] for error in answer.json()["errors"]] == [path]
            assert (await api.get("/tokens?limit=1&limit=2")).status_code == 422
            assert (await api.get("/tokens?limit=1")).json()["items"] == []

    asyncio.run(work())
