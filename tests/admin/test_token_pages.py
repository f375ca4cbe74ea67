from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sluicegate.store.contract import Change
from support.admin_frame import AUTHOR, FIRST, Asker, frame


async def make(api: Asker, **spec: Any) -> Any:
    return await api.post("/tokens", json={"role": "viewer", **spec})


def test_a_new_token_is_shown_once_and_is_good(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            answer = await make(api, description="for dashboards")
            made = answer.json()
            assert answer.status_code == 201
            assert answer.headers["location"] == f"/admin/v1/tokens/{made['name']}"
            assert api.desk.announced == 1
            found = await api.get("/whoami", token=made["token"])
            assert found.json()["role"] == "viewer"
            shown = await api.get(f"/tokens/{made['name']}")
            listed = await api.get("/tokens")
            assert shown.json()["spec"] == made["spec"]
            assert shown.json()["spec"]["description"] == "for dashboards"
            assert listed.json() == {"items": [shown.json()], "next": None}
            for text in (shown.text, listed.text, (await api.get("/audit")).text):
                assert made["token"] not in text
                assert "hash" not in text

    asyncio.run(work())


def test_the_store_keeps_a_hash_and_not_the_token(tmp_path: Path) -> None:
    async def work() -> str:
        async with frame(tmp_path) as api:
            answer = await api.post(
                "/tokens", json={"role": "admin"}, headers={"idempotency-key": "k"}
            )
            return str(answer.json()["token"])

    secret = asyncio.run(work())[len("sga_local_") + 8 :].encode()
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"sga_local_" in content for content in files)
    assert not any(secret in content for content in files)


def test_a_revoked_token_is_refused_and_never_comes_back(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            made = (await make(api)).json()
            path = f"/tokens/{made['name']}"
            assert (await api.ask("DELETE", path)).status_code == 204
            api.api.forget([made["name"]])
            assert (await api.get("/whoami", token=made["token"])).status_code == 401
            assert (await api.ask("DELETE", path)).status_code == 409
            assert (await api.get("/tokens")).json()["items"] == []

    asyncio.run(work())


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_admins_see_and_make_tokens(tmp_path: Path, role: str) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            for token in (await api.token(role), await api.token("admin", team="red")):
                spec = {"role": "admin"}
                answers = [
                    await api.get("/tokens", token=token),
                    await api.get("/tokens/sga_local_abcdefgh", token=token),
                    await api.post("/tokens", token=token, json=spec),
                    await api.ask("DELETE", "/tokens/sga_local_abcdefgh", token=token),
                ]
                assert [answer.status_code for answer in answers] == [403] * 4

    asyncio.run(work())


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"role": "root"}, "role"),
        ({"role": "viewer", "expires": "2023-11-14T22:13:20Z"}, "expires"),
        ({"role": "viewer", "expires": "2099-01-01T00:00:00"}, "expires"),
        ({"role": "viewer", "expires": "9999-12-31T23:59:59-23:59"}, "expires"),
        ({"role": "viewer", "expires": 4000000000}, "expires"),
        ({"role": "viewer", "expires": 4e9}, "expires"),
        ({"role": "viewer", "team": "nobodys"}, "team"),
        ({"role": "viewer", "hash": "main:00"}, ""),
        ({}, ""),
    ],
)
def test_a_token_that_would_be_good_for_nothing_is_not_made(
    tmp_path: Path, spec: dict[str, Any], path: str
) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            answer = await api.post("/tokens", json=spec)
            assert answer.status_code == 422
            assert [error["path"] for error in answer.json()["errors"]] == [path]
            assert (await api.get("/tokens")).json()["items"] == []

    asyncio.run(work())


def test_a_token_may_be_of_a_team_of_the_file_or_of_the_store(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            api.desk.files = {"team": {"red": {}}}
            await api.desk.store.write([Change("team", "blue", b"{}")], AUTHOR)
            for team in ("red", "blue"):
                assert (await make(api, team=team)).status_code == 201
            listed = await api.get("/tokens?team=blue")
            assert [item["spec"]["team"] for item in listed.json()["items"]] == ["blue"]

    asyncio.run(work())


def test_tokens_are_listed_in_pages(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            made = sorted([(await make(api)).json()["name"] for _ in range(3)])
            first = (await api.get("/tokens?limit=2")).json()
            second = (await api.get(f"/tokens?limit=2&after={first['next']}")).json()
            items = [*first["items"], *second["items"]]
            assert [item["name"] for item in items] == made
            assert second["next"] is None

    asyncio.run(work())


def test_without_a_pepper_no_token_can_be_made(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            api.desk.peppers = {}
            answer = await make(api)
            assert answer.status_code == 409
            assert "peppers" in answer.json()["detail"]
            assert FIRST not in answer.text

    asyncio.run(work())
