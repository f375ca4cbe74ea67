from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sluicegate.admin.archive import Archive
from sluicegate.process.archive_moving import sealed
from sluicegate.store.vault import Vault
from support.admin_frame import Asker, audited, capture_logs, frame
from support.archived import DAY_US, archived
from support.mock_clock import EPOCH_US

MASTER = {"main": b"m" * 32}


async def filled(api: Asker) -> None:
    vault = api.desk.vault = Vault(api.desk.store, MASTER, api.clock)
    calls = [
        archived("one"),
        archived("two", at_us=EPOCH_US + 1_000_000, consumer="bob", left_out={"answer": "size"},
                 answer=None),
        archived("three", at_us=EPOCH_US + 2_000_000, until_us=EPOCH_US + 2 * DAY_US),
    ]  # fmt: skip
    await api.desk.store.archive.add([await sealed(vault, call) for call in calls])


async def names(api: Asker, query: str = "") -> list[str]:
    answer = await api.get(f"/archive{query}")
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def test_calls_are_listed_newest_first_without_what_was_said(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path, [Archive]) as api:
            await filled(api)
            answer = await api.get("/archive")
            assert [item["id"] for item in answer.json()["items"]] == ["three", "two", "one"]
            assert "what?" not in answer.text
            assert "sealed" not in answer.text
            assert answer.json()["items"][2] == {
                "id": "one",
                "at": "2023-11-14T22:13:20Z",
                "until": "2023-11-15T22:13:20Z",
                "consumer": "ann",
                "team": "blue",
                "route": "chat",
                "model": "gpt",
                "status": 200,
                "request_id": "",
                "request_bytes": 0,
                "answer_bytes": 0,
                "redacted": 0,
            }

    asyncio.run(work())


def test_they_are_read_in_pages_and_by_what_one_looks_for(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path, [Archive]) as api:
            await filled(api)
            page = (await api.get("/archive?limit=2")).json()
            assert [item["id"] for item in page["items"]] == ["three", "two"]
            assert await names(api, f"?after={page['next']}") == ["one"]
            assert await names(api, "?consumer=bob") == ["two"]
            assert await names(api, "?route=other") == []
            assert await names(api, "?since=2023-11-14T22:13:21Z") == ["three", "two"]
            assert await names(api, "?until=2023-11-14T22:13:21Z") == ["one"]
            assert (await api.get("/archive?after=WzFd")).status_code == 422
            assert (await api.get("/archive?since=2023-02-31T00:00:00Z")).status_code == 422

    asyncio.run(work())


def test_one_shows_what_was_asked_and_answered(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path, [Archive]) as api:
            await filled(api)
            shown = (await api.get("/archive/one")).json()
            assert shown["request"] == {"messages": "what?"}
            assert shown["answer"] == {"content": "that"}
            shown = (await api.get("/archive/two")).json()
            assert (shown["answer"], shown["left_out"]) == (None, {"answer": "size"})
            assert (await api.get("/archive/four")).status_code == 404

    asyncio.run(work())


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_the_role_admin_reads_it(tmp_path: Path, role: str) -> None:
    async def work() -> None:
        async with frame(tmp_path, [Archive]) as api:
            await filled(api)
            for token in (await api.token(role), await api.token("admin", team="blue")):
                for path in ("/archive", "/archive/one", "/archive/four"):
                    answer = await api.get(path, token=token)
                    assert answer.status_code == 403
                    assert "what?" not in answer.text

    asyncio.run(work())


def test_who_has_looked_at_what_is_logged_and_nothing_of_it(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path, [Archive]) as api:
            await filled(api)
            with capture_logs() as logs:
                await api.get("/archive/one")
                await api.get("/archive")
            [read, listed] = audited(logs)
            assert (read["call"], listed["call"]) == ("one", None)
            assert read["via"] == "127.0.0.1"
            assert read["who"]
            assert "what?" not in repr(logs)

    asyncio.run(work())


def test_one_whose_time_is_over_is_not_shown(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path, [Archive]) as api:
            await filled(api)
            api.clock.advance(86_400)
            assert (await api.get("/archive/one")).status_code == 404
            assert (await api.get("/archive/three")).status_code == 200

    asyncio.run(work())


def test_one_that_no_key_opens_says_so_and_shows_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path, [Archive]) as api:
            await filled(api)
            api.desk.vault = Vault(api.desk.store, {"other": b"o" * 32}, api.clock)
            answer = await api.get("/archive/one")
            assert answer.status_code == 409
            assert "what?" not in answer.text

    asyncio.run(work())
