from __future__ import annotations

from pathlib import Path

from support.admin import api, faults, problem
from support.loops import run


def test_the_list_is_made_changed_brought_back_and_deleted(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            assert problem(await ask.get("/policies")) == (404, "not-found")
            made = await ask.put("/policies", json=[{"metrics": {}}])
            assert (made.status_code, made.headers["location"]) == (201, "/admin/v1/policies")
            shown = await ask.get("/policies")
            assert (shown.json()["name"], shown.json()["spec"]) == ("", [{"metrics": {}}])
            stale = await ask.put("/policies", json=[], headers={"if-match": '"x"'})
            assert problem(stale) == (412, "stale")
            dry = await ask.put("/policies", json=[], params={"dry_run": "true"})
            assert dry.json()["changes"][0]["diff"] == [
                {"path": "[0]", "before": {"metrics": {}}, "after": None}
            ]
            assert (await ask.put("/policies", json=[])).status_code == 200
            first = made.json()["revision"]
            diff = await ask.get("/policies/diff", params={"from": first})
            assert len(diff.json()["diff"]) == 1
            back = await ask.post("/policies/rollback", json={"revision": first})
            assert back.json()["spec"] == [{"metrics": {}}]
            assert (await ask.delete("/policies")).status_code == 204
            items = (await ask.get("/policies/history")).json()["items"]
            assert [item["action"] for item in items] == [
                "delete",
                "rollback",
                "replace",
                "replace",
            ]

    run(story())


def test_faults_and_the_file_are_told_as_policies(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            assert list(faults(await ask.put("/policies", json=[{"none": {}}]))) == [
                "policies[0].none"
            ]
        async with api(tmp_path, "policies: [{metrics: {}}]\n") as ask:
            assert (await ask.get("/policies")).json()["source"] == "file"
            refused = await ask.put("/policies", json=[])
            assert problem(refused) == (409, "conflict")
            assert "`policies`" in refused.json()["detail"]

    run(story())


def test_viewers_do_not_change_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            viewer = await ask.token("viewer")
            refused = await ask.put("/policies", json=[], token=viewer)
            assert problem(refused) == (403, "forbidden")
            gone = await ask.delete("/policies", token=viewer)
            assert problem(gone) == (403, "forbidden")

    run(story())
