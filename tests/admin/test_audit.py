from __future__ import annotations

import asyncio
from pathlib import Path

from sluicegate.store.contract import Author, Change
from support.admin_frame import Asker, frame

ANN, BOB = Author("ann", "192.0.2.1", "create"), Author("bob", "192.0.2.2", "replace")


async def changed(api: Asker) -> None:
    write = api.desk.store.write
    await write([Change("route", "r", b'{"secret":"hunter2"}')], ANN)
    api.clock.advance(60)
    await write([Change("secret", "s", b"{}")], ANN)
    await write([Change("route", "r", b"{}")], BOB)


def names(answer: object) -> list[tuple[str, str, str]]:
    return [(e["actor"], e["kind"], e["name"]) for e in answer.json()["items"]]  # type: ignore[attr-defined]


def test_the_log_says_who_changed_what_when_and_from_where(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            await changed(api)
            answer = await api.get("/audit")
            assert names(answer) == [
                ("bob", "route", "r"),
                ("ann", "secret", "s"),
                ("ann", "route", "r"),
            ]
            last = answer.json()["items"][-1]
            assert (last["via"], last["action"], last["region"]) == ("192.0.2.1", "create", "local")
            assert last["at"] == "2023-11-14T22:13:20Z"
            assert "hunter2" not in answer.text

    asyncio.run(work())


def test_it_is_read_in_pages_and_by_what_one_looks_for(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            await changed(api)
            page = await api.get("/audit?limit=2")
            assert len(names(page)) == 2
            rest = await api.get(f"/audit?limit=2&before={page.json()['next']}")
            assert names(rest) == [("ann", "route", "r")]
            assert rest.json()["next"] is None
            assert names(await api.get("/audit?actor=bob")) == [("bob", "route", "r")]
            assert names(await api.get("/audit?kind=secret")) == [("ann", "secret", "s")]
            since = await api.get("/audit?since=2023-11-14T22:14:00Z")
            assert len(names(since)) == 2

    asyncio.run(work())


def test_who_may_not_read_secrets_does_not_see_that_they_change(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            await changed(api)
            viewer = await api.token("viewer")
            assert {kind for _, kind, _ in names(await api.get("/audit", token=viewer))} == {
                "route"
            }
            assert (await api.get("/audit?kind=token", token=viewer)).status_code == 403
            of_a_team = await api.token("operator", team="red")
            assert (await api.get("/audit", token=of_a_team)).status_code == 403

    asyncio.run(work())


def test_what_cannot_be_asked_for_is_refused_by_name(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            for query, path in (
                ("kind=rout", "kind"),
                ("limit=0", "limit"),
                ("limit=1001", "limit"),
                ("since=yesterday", "since"),
                ("since=12.0", "since"),
                ("since=2023-13-14T22:13:20Z", "since"),
                ("since=2023-11-14T22:14:00", "since"),
            ):
                answer = await api.get(f"/audit?{query}")
                assert answer.status_code == 422, query
                assert [error["path"] for error in answer.json()["errors"]] == [path]

    asyncio.run(work())
