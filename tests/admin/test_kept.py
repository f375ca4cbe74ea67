from __future__ import annotations

import asyncio
from pathlib import Path

from support.admin import api, faults, problem
from support.loops import run
from support.postgres import store_settings

TEAM = {"description": "of five"}


def test_a_patch_changes_a_part_of_what_was_read(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            etag = await ask.made("/plans/free", {"policies": []})
            await ask.made("/teams/red", {**TEAM, "plan": "free"})
            etag = (await ask.get("/teams/red")).headers["etag"]
            patched = await ask.patch("/teams/red", {"plan": None, "description": "of six"}, etag)
            assert patched.status_code == 200
            assert patched.json()["spec"] == {"description": "of six"}
            assert patched.headers["etag"] not in {etag, ""}

    run(story())


def test_a_patch_says_what_it_changes(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            etag = await ask.made("/teams/red", TEAM)
            missing = await ask.patch("/teams/red", {})
            assert problem(missing) == (428, "precondition-required")
            assert problem(await ask.patch("/teams/red", {}, '"x"')) == (412, "stale")
            assert problem(await ask.patch("/teams/none", {}, "*")) == (412, "stale")
            form = {"content-type": "application/json"}
            other = await ask.patch("/teams/red", {}, etag, headers=form)
            assert problem(other) == (415, "unsupported-media-type")
            assert "teams.red.plan" in faults(await ask.patch("/teams/red", {"plan": "x"}, etag))
            assert (await ask.patch("/teams/red", {"description": "y"}, "*")).status_code == 200

    run(story())


def test_of_two_patches_of_the_same_revision_one_wins_and_both_are_told(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            etag = await ask.made("/teams/red", TEAM)
            answers = await asyncio.gather(
                *(ask.patch("/teams/red", {"description": text}, etag) for text in "abcd")
            )
            assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
            winner = next(answer for answer in answers if answer.status_code == 200)
            assert (await ask.get("/teams/red")).json()["spec"] == winner.json()["spec"]
            assert len((await ask.get("/teams/red/history")).json()["items"]) == 2

    run(story())


def test_on_postgresql_one_patch_wins_and_lists_are_in_the_same_order(
    tmp_path: Path, postgres_url: str
) -> None:
    async def story() -> None:
        async with api(tmp_path, "teams: {C: {}}\n", store_settings(postgres_url)) as ask:
            etag = await ask.made("/teams/b", TEAM)
            answers = await asyncio.gather(
                *(ask.patch("/teams/b", {"description": text}, etag) for text in "abcd")
            )
            assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
            for name in ("a_", "a-", "B", "_a", "a%2Fb", "aa"):
                await ask.made(f"/teams/{name}", TEAM)
            seen, after = [], ""
            while after is not None:
                page = (await ask.get("/teams", params={"limit": 2, "after": after})).json()
                seen += [item["name"] for item in page["items"]]
                after = page["next"]
            assert seen == sorted(["a_", "a-", "B", "_a", "a/b", "aa", "b", "C"])
            wrong = await ask.get("/teams/b/diff", params={"from": "x"})
            assert problem(wrong) == (404, "not-found")

    run(story())


def test_history_says_who_did_what_and_goes_on_past_a_deletion(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            etag = await ask.made("/teams/red", TEAM)
            await ask.patch("/teams/red", {"description": "b"}, etag)
            await ask.delete("/teams/red")
            await ask.made("/teams/red", {"description": "c"})
            items = (await ask.get("/teams/red/history")).json()["items"]
            assert [(item["action"], item["spec"]) for item in items] == [
                ("replace", {"description": "c"}),
                ("delete", None),
                ("patch", {"description": "b"}),
                ("replace", TEAM),
            ]
            assert {item["via"] for item in items} == {"127.0.0.1"}
            assert items[0]["actor"]
            seen, before = [], ""
            while before is not None:
                page = await ask.get("/teams/red/history", params={"limit": 3, "before": before})
                seen += [item["revision"] for item in page.json()["items"]]
                before = page.json()["next"]
            assert seen == [item["revision"] for item in items]
            assert problem(await ask.get("/teams/blue/history")) == (404, "not-found")

    run(story())


def test_two_revisions_are_compared(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            first = (await ask.made("/teams/red", TEAM)).strip('"')
            second = (await ask.made("/teams/red", {"description": "b"})).strip('"')
            other = (await ask.made("/teams/blue", TEAM)).strip('"')
            change = {"path": "description", "before": "of five", "after": "b"}
            diff = await ask.get("/teams/red/diff", params={"from": first})
            assert diff.json() == {"from": first, "to": second, "diff": [change]}
            back = await ask.get("/teams/red/diff", params={"from": second, "to": first})
            assert back.json()["diff"] == [
                {"path": "description", "before": "b", "after": "of five"}
            ]
            for wrong in (other, "x", "' OR 1=1 --", "00000000-0000-7000-8000-000000000000"):
                answer = await ask.get("/teams/red/diff", params={"from": wrong})
                assert problem(answer) == (404, "not-found"), wrong
            assert (await ask.get("/teams/red/diff")).status_code == 422

    run(story())


def test_a_rollback_brings_back_what_was_there_also_after_a_deletion(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            first = (await ask.made("/teams/red", TEAM)).strip('"')
            second = await ask.made("/teams/red", {"description": "b"})
            path, body = "/teams/red/rollback", {"revision": first}
            stale = await ask.post(path, json=body, headers={"if-match": f'"{first}"'})
            assert problem(stale) == (412, "stale")
            dry = await ask.post(path, json=body, params={"dry_run": "true"})
            assert dry.json()["changes"][0]["action"] == "update"
            back = await ask.post(path, json=body, headers={"if-match": second})
            assert (back.status_code, back.json()["spec"]) == (200, TEAM)
            await ask.delete("/teams/red")
            again = await ask.post(path, json=body)
            assert again.status_code == 201
            items = (await ask.get("/teams/red/history")).json()["items"]
            assert [item["action"] for item in items][:3] == ["rollback", "delete", "rollback"]
            gone = {"revision": items[1]["revision"]}
            assert "revision" in faults(await ask.post(path, json=gone))
            unknown = await ask.post(path, json={"revision": "x"})
            assert problem(unknown) == (404, "not-found")

    run(story())


def test_a_rollback_to_what_does_not_fit_any_more_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            await ask.made("/plans/free", {"policies": []})
            first = (await ask.made("/teams/red", {"plan": "free"})).strip('"')
            await ask.made("/teams/red", {})
            assert (await ask.delete("/plans/free")).status_code == 204
            back = await ask.post("/teams/red/rollback", json={"revision": first})
            assert "teams.red.plan" in faults(back)

    run(story())


def test_deleting_a_consumer_revokes_its_keys_for_good(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            first = (await ask.made("/consumers/acme", {})).strip('"')
            await ask.made("/consumers/other", {})
            key = (await ask.key("acme"))["name"]
            kept = (await ask.key("other"))["name"]
            dry = await ask.delete("/consumers/acme", params={"dry_run": "true"})
            assert [(c["kind"], c["name"]) for c in dry.json()["changes"]] == [
                ("consumer", "acme"),
                ("key", key),
            ]
            assert (await ask.delete("/consumers/acme")).status_code == 204
            assert problem(await ask.get(f"/keys/{key}")) == (404, "not-found")
            assert (await ask.get(f"/keys/{kept}")).status_code == 200
            await ask.post("/consumers/acme/rollback", json={"revision": first})
            assert (await ask.get("/keys", params={"consumer": "acme"})).json()["items"] == []

    run(story())
