from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from support.admin import api, faults, problem
from support.loops import run

USERS = {"targets": ["http://10.0.0.5:9000"]}
JSON = {"content-type": "application/json"}
ROUTE = {"match": {"path": "/users/**"}, "service": "users"}


def test_what_is_created_can_be_read_replaced_and_deleted(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            made = await ask.post("/services", json={"name": "users", "spec": USERS})
            assert (made.status_code, made.headers["location"]) == (
                201,
                "/admin/v1/services/users",
            )
            shown = await ask.get("/services/users")
            assert shown.headers["etag"] == made.headers["etag"] == f'"{shown.json()["revision"]}"'
            assert (
                shown.json()
                == made.json()
                == {
                    "kind": "service",
                    "name": "users",
                    "source": "store",
                    "revision": shown.json()["revision"],
                    "changed_at": "2023-11-14T22:13:20Z",
                    "changed_by": shown.json()["changed_by"],
                    "shadowed": False,
                    "left_out": None,
                    "spec": USERS,
                }
            )
            replaced = await ask.put("/services/users", json={**USERS, "slow_start": "10s"})
            assert replaced.status_code == 200
            assert replaced.headers["etag"] != made.headers["etag"]
            gone = await ask.delete("/services/users")
            assert (gone.status_code, gone.content) == (204, b"")
            assert problem(await ask.get("/services/users")) == (404, "not-found")
            assert problem(await ask.delete("/services/users")) == (404, "not-found")
            assert ask.desk.announced == 3

    run(story())


def test_a_name_is_created_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            body = {"name": "users", "spec": USERS}
            assert (await ask.post("/services", json=body)).status_code == 201
            assert problem(await ask.post("/services", json=body)) == (409, "conflict")
            only_new = {"if-none-match": "*"}
            stale = await ask.put("/services/users", json=USERS, headers=only_new)
            assert problem(stale) == (412, "stale")
            assert (await ask.delete("/services/users")).status_code == 204
            again = await ask.put("/services/users", json=USERS, headers=only_new)
            assert again.status_code == 201

    run(story())


def test_a_name_may_hold_slashes_and_more(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            path = "/teams/a%2Fb:c@d+e"
            made = await ask.put(path, json={"description": "of five"})
            assert made.headers["location"] == "/admin/v1/teams/a%2Fb%3Ac%40d%2Be"
            assert (await ask.get(made.headers["location"])).json()["name"] == "a/b:c@d+e"
            assert (await ask.get("/teams/a%2Fb:c@d+e/history")).status_code == 200
            assert problem(await ask.get("/teams/a/b:c@d+e")) == (404, "not-found")

    run(story())


@pytest.mark.parametrize(
    "name", ["%20", "-a", "a b", "a'; DROP TABLE revisions; --", "\u00e4", "a\x00"]
)
def test_other_names_are_refused_and_never_found(tmp_path: Path, name: str) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            made = await ask.post("/services", json={"name": name, "spec": USERS})
            assert list(faults(made).values()) == [
                "expected up to 128 letters, digits and `_.:@/+-`, a letter, digit or `_` first"
            ]
            listed = await ask.get("/services", params={"prefix": name})
            assert listed.status_code in {400, 422}

    run(story())


def test_models_and_providers_are_kept_as_all_else_is(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            lost = await ask.put("/models/gpt-*", json={"deployments": [{"provider": "own"}]})
            assert list(faults(lost)) == ["models.gpt-*.deployments[0].provider"]
            own = {"kind": "openai_compatible", "url": "http://10.0.0.9:1/v1"}
            await ask.made("/providers/own", own)
            made = await ask.put("/models/gpt-*", json={"deployments": [{"provider": "own"}]})
            assert made.status_code == 201
            assert (await ask.get(made.headers["location"])).json()["name"] == "gpt-*"
            await ask.made("/models/*", {"deployments": [{"provider": "own"}]})
            named = await ask.get("/models", params={"limit": 1, "after": "*"})
            assert [item["name"] for item in named.json()["items"]] == ["gpt-*"]
            starred = await ask.put("/providers/o*", json=own)
            assert list(faults(starred)) == ["providers.o*"]
            assert "models.*.deployments[0].provider" in faults(await ask.delete("/providers/own"))
            both = {"resources": {"models": {}, "providers": {}}, "prune": True}
            applied = await ask.post("/apply", json=both)
            assert len(applied.json()["changes"]) == 3

    run(story())


def test_faults_are_told_by_their_paths(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            wrong = {"match": {"path": "users"}, "service": "users", "colour": "red"}
            found = faults(await ask.put("/routes/users", json=wrong))
            assert found.keys() == {"routes.users.match.path", "routes.users.colour"}
            alone = faults(await ask.put("/routes/users", json=ROUTE))
            assert alone.keys() == {"routes.users.service"}
            assert (await ask.get("/routes")).json() == {"items": [], "next": None}
            assert ask.desk.announced == 0

    run(story())


def test_what_is_not_strict_json_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            for body in (b"{", b'{"a": NaN}', b"[]", b"\xff", b"", b'{"a":' * 3000):
                answer = await ask.put("/teams/a", content=body, headers=JSON)
                assert answer.status_code in {400, 422}, body[:20]
            twice = b'{"description": "a", "description": "b"}'
            told = faults(await ask.put("/teams/a", content=twice, headers=JSON))
            assert "twice" in told["teams.a.description"]
            posted = b'{"name": "a", "spec": ' + twice + b"}"
            told = faults(await ask.post("/teams", content=posted, headers=JSON))
            assert "twice" in told["spec.description"]

    run(story())


def test_a_dry_run_says_what_would_change_and_changes_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            await ask.made("/services/users", USERS)
            dry = {"dry_run": "true"}
            new = await ask.put("/services/new", json=USERS, params=dry)
            assert new.status_code == 200
            assert new.json() == {
                "changes": [
                    {
                        "kind": "service",
                        "name": "new",
                        "action": "create",
                        "diff": [{"path": "", "before": None, "after": USERS}],
                    }
                ]
            }
            slower = await ask.put(
                "/services/users", json={**USERS, "slow_start": "1s"}, params=dry
            )
            assert slower.json()["changes"][0]["action"] == "update"
            assert slower.json()["changes"][0]["diff"] == [
                {"path": "slow_start", "before": None, "after": "1s"}
            ]
            gone = await ask.delete("/services/users", params=dry)
            assert gone.status_code == 200
            assert gone.json()["changes"][0]["action"] == "delete"
            same = await ask.put("/services/users", json=USERS, params=dry)
            assert same.json() == {"changes": []}
            posted = await ask.post("/services", json={"name": "n", "spec": USERS}, params=dry)
            assert posted.status_code == 200
            wrong = await ask.put("/services/users", json={"targets": []}, params=dry)
            assert wrong.status_code == 422
            assert [i["name"] for i in (await ask.get("/services")).json()["items"]] == ["users"]

    run(story())


def test_what_is_as_it_was_is_not_written(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            first = await ask.made("/services/users", USERS)
            assert await ask.made("/services/users", USERS) == first
            assert len((await ask.get("/services/users/history")).json()["items"]) == 1

    run(story())


FILE = """
services: {users: {targets: [http://10.0.0.1:80]}, zeta: {targets: [http://10.0.0.2:80]}}
consumers: {filed: {team: red}}
teams: {red: {}}
"""


def test_what_the_file_declares_is_shown_and_cannot_be_changed(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            shown = (await ask.get("/services/users")).json()
            assert (shown["source"], shown["revision"]) == ("file", None)
            assert shown["spec"] == {"targets": ["http://10.0.0.1:80"]}
            for answer in (
                await ask.put("/services/users", json=USERS),
                await ask.patch("/services/users", {"slow_start": "1s"}, '"x"'),
                await ask.delete("/services/users"),
                await ask.post("/services", json={"name": "users", "spec": USERS}),
            ):
                assert problem(answer) == (409, "conflict")
                assert "file" in answer.json()["detail"]
                assert "services.users" in answer.json()["detail"]

    run(story())


def test_a_list_goes_through_file_and_store_in_order_of_names(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            for name in ("alpha", "beta", "omega"):
                await ask.made(f"/services/{name}", USERS)
            seen, after = [], ""
            while after is not None:
                page = (await ask.get("/services", params={"limit": 2, "after": after})).json()
                assert len(page["items"]) <= 2
                seen += [(item["name"], item["source"]) for item in page["items"]]
                after = page["next"]
            assert seen == [
                ("alpha", "store"),
                ("beta", "store"),
                ("omega", "store"),
                ("users", "file"),
                ("zeta", "file"),
            ]

            async def names(**which: str) -> list[str]:
                answer = await ask.get("/services", params=which)
                return [item["name"] for item in answer.json()["items"]]

            assert await names(prefix="o") == ["omega"]
            assert await names(prefix="u") == ["users"]
            assert await names(source="file") == ["users", "zeta"]
            assert await names(source="store") == ["alpha", "beta", "omega"]
            assert await names(after="omega") == ["users", "zeta"]

    run(story())


def test_a_stored_one_that_the_file_hides_is_listed_as_stored_and_can_be_deleted(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            await ask.made("/services/users", USERS)
        async with api(tmp_path, FILE) as ask:
            everything = (await ask.get("/services")).json()["items"]
            assert [(i["name"], i["source"]) for i in everything] == [
                ("users", "file"),
                ("zeta", "file"),
            ]
            stored = (await ask.get("/services", params={"source": "store"})).json()["items"]
            assert [(i["name"], i["shadowed"]) for i in stored] == [("users", True)]
            assert (await ask.delete("/services/users")).status_code == 204
            assert problem(await ask.delete("/services/users")) == (409, "conflict")

    run(story())


def test_one_that_does_not_fit_says_why_it_does_not_run(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            await ask.made("/services/users", USERS)
            ask.desk.unfit["service", "users"] = "services.users: it does not fit"
            [listed] = (await ask.get("/services")).json()["items"]
            shown = (await ask.get("/services/users")).json()
            assert listed["left_out"] == shown["left_out"] == "services.users: it does not fit"

    run(story())


def test_a_service_in_use_a_plan_in_use_and_a_team_in_use_stay(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            await ask.made("/services/users", USERS)
            await ask.made("/routes/users", ROUTE)
            assert "routes.users.service" in faults(await ask.delete("/services/users"))
            await ask.made("/plans/free", {"policies": []})
            await ask.made("/teams/red", {"plan": "free"})
            assert "team red" in (await ask.delete("/plans/free")).json()["detail"]
            await ask.made("/teams/red", {})
            await ask.made("/consumers/acme", {"team": "red", "plan": "free"})
            answer = await ask.delete("/plans/free")
            assert problem(answer) == (409, "conflict")
            assert "consumer acme" in answer.json()["detail"]
            assert "consumer acme" in (await ask.delete("/teams/red")).json()["detail"]
            await ask.made("/consumers/acme", {})
            assert (await ask.delete("/plans/free")).status_code == 204
            assert (await ask.delete("/teams/red")).status_code == 204

    run(story())


def test_consumers_are_found_by_team_and_by_plan(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            await ask.made("/plans/free", {"policies": []})
            await ask.made("/consumers/a", {"team": "red"})
            await ask.made("/consumers/b", {"plan": "free"})

            async def names(**which: str) -> list[str]:
                answer = await ask.get("/consumers", params=which)
                return [item["name"] for item in answer.json()["items"]]

            assert await names() == ["a", "b", "filed"]
            assert await names(team="red") == ["a", "filed"]
            assert await names(plan="free") == ["b"]
            assert await names(team="red", plan="free") == []

    run(story())


def test_what_others_wrote_meanwhile_is_looked_at_again(tmp_path: Path) -> None:
    """A route is accepted, and its service goes before it is written: it is refused after all."""

    async def story() -> None:
        async with api(tmp_path) as ask, asyncio.TaskGroup():
            await ask.made("/services/users", USERS)

            async def meanwhile() -> None:
                assert (await ask.delete("/services/users")).status_code == 204

            ask.desk.before_write = meanwhile
            assert "routes.users.service" in faults(await ask.put("/routes/users", json=ROUTE))

    run(story())


def test_an_unrelated_change_meanwhile_does_not_fail_a_write(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            await ask.made("/services/users", USERS)

            async def meanwhile() -> None:
                await ask.made("/services/other", USERS)

            ask.desk.before_write = meanwhile
            assert (await ask.put("/routes/users", json=ROUTE)).status_code == 201

    run(story())


def test_viewers_change_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            await ask.made("/services/users", USERS)
            viewer = await ask.token("viewer")
            assert (await ask.get("/services", token=viewer)).status_code == 200
            for method, path, body in (
                ("POST", "/services", {"name": "n", "spec": USERS}),
                ("PUT", "/services/users", USERS),
                ("PATCH", "/services/users", {}),
                ("DELETE", "/services/users", None),
                ("POST", "/services/users/rollback", {"revision": "x"}),
            ):
                answer = await ask.ask(method, path, token=viewer, json=body)
                assert problem(answer) == (403, "forbidden"), method

    run(story())


def test_a_team_sees_and_changes_its_own_consumers_only(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            await ask.made("/teams/blue", {})
            await ask.made("/consumers/mine", {"team": "red"})
            await ask.made("/consumers/theirs", {"team": "blue"})
            await ask.made("/consumers/nobodys", {})
            red = await ask.token("operator", team="red")
            listed = (await ask.get("/consumers", token=red)).json()["items"]
            assert [item["name"] for item in listed] == ["filed", "mine"]
            theirs = await ask.get("/consumers", token=red, params={"team": "blue"})
            assert theirs.json()["items"] == []
            for name in ("theirs", "nobodys", "none"):
                for method, more in (
                    ("GET", ""),
                    ("GET", "/history"),
                    ("DELETE", ""),
                ):
                    answer = await ask.ask(method, f"/consumers/{name}{more}", token=red)
                    assert problem(answer) == (404, "not-found"), (name, method, more)
            taken = await ask.put("/consumers/theirs", json={"team": "red"}, token=red)
            assert problem(taken) == (404, "not-found")
            own = {"team": "red", "description": "ours"}
            assert (await ask.put("/consumers/mine", json=own, token=red)).status_code == 200
            given = await ask.put("/consumers/mine", json={"team": "blue"}, token=red)
            assert "consumers.mine.team" in faults(given)
            left = await ask.put("/consumers/new", json={}, token=red)
            assert "consumers.new.team" in faults(left)
            assert (await ask.put("/consumers/new", json=own, token=red)).status_code == 201
            assert problem(await ask.get("/routes", token=red)) == (403, "forbidden")

    run(story())
