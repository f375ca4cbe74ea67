from __future__ import annotations

from pathlib import Path
from typing import Any

from support.admin import api, faults, problem
from support.loops import run

USERS = {"targets": ["http://10.0.0.5:9000"]}
ROUTE = {"match": {"path": "/users/**"}, "service": "users"}
EVERYTHING: dict[str, Any] = {
    "services": {"users": USERS},
    "plans": {"free": {"policies": []}},
    "teams": {"red": {"plan": "free"}},
    "consumers": {"acme": {"team": "red"}},
    "routes": {"users": ROUTE},
    "policies": [{"metrics": {}}],
}


def told(changes: Any) -> list[tuple[str, str, str]]:
    return [(change["kind"], change["name"], change["action"]) for change in changes["changes"]]


def test_everything_is_applied_at_once_and_exported_the_same(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            dry = await ask.post(
                "/apply", json={"resources": EVERYTHING}, params={"dry_run": "true"}
            )
            assert len(dry.json()["changes"]) == 6
            assert (await ask.get("/export")).json() == {"resources": {}}
            made = await ask.post("/apply", json={"resources": EVERYTHING})
            assert made.status_code == 200
            assert made.json() == dry.json()
            assert ("policies", "", "create") in told(made.json())
            exported = (await ask.get("/export")).json()
            assert exported == {"resources": EVERYTHING}
            again = await ask.post("/apply", json=exported)
            assert again.json() == {"changes": []}
            history = (await ask.get("/routes/users/history")).json()["items"]
            assert [item["action"] for item in history] == ["apply"]

    run(story())


def test_only_what_differs_is_written(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            await ask.post("/apply", json={"resources": EVERYTHING})
            slower = {
                "services": {"users": {**USERS, "slow_start": "1s"}},
                "routes": {"users": ROUTE},
            }
            made = await ask.post("/apply", json={"resources": slower})
            assert made.json()["changes"] == [
                {
                    "kind": "service",
                    "name": "users",
                    "action": "update",
                    "diff": [{"path": "slow_start", "before": None, "after": "1s"}],
                }
            ]
            assert len((await ask.get("/routes/users/history")).json()["items"]) == 1

    run(story())


def test_with_one_fault_nothing_is_written_and_all_are_told(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            wrong = {
                "services": {"users": USERS, "bad": {"targets": []}},
                "routes": {"a": {"match": {"path": "a"}}, "b c": ROUTE},
                "planets": {},
                "keys": {},
                "teams": [],
            }
            found = faults(await ask.post("/apply", json={"resources": wrong}))
            assert found.keys() == {
                "services.bad.targets",
                "routes.a.match.path",
                'routes["b c"]',
                "planets",
                "keys",
                "teams",
            } | {path for path in found if path == "routes.a"}
            apart = {"services": {"users": USERS}, "routes": {"a": {**ROUTE, "service": "none"}}}
            assert list(faults(await ask.post("/apply", json={"resources": apart}))) == [
                "routes.a.service"
            ]
            assert (await ask.get("/export")).json() == {"resources": {}}
            assert (await ask.post("/apply", json={"resources": []})).status_code == 422
            assert (await ask.post("/apply", json={})).status_code == 422

    run(story())


def test_what_is_not_declared_stays_unless_it_is_pruned_in_the_sections_given(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            await ask.post("/apply", json={"resources": EVERYTHING})
            await ask.made("/services/old", USERS)
            wish: dict[str, Any] = {"resources": {"services": {"users": USERS}}}
            assert (await ask.post("/apply", json=wish)).json() == {"changes": []}
            pruned = await ask.post("/apply", json={**wish, "prune": True})
            assert told(pruned.json()) == [("service", "old", "delete")]
            assert (await ask.get("/routes/users")).status_code == 200

    run(story())


def test_what_is_pruned_may_not_be_in_use_unless_that_goes_too(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            await ask.post("/apply", json={"resources": EVERYTHING})
            key = (await ask.key("acme"))["name"]
            plans = {"resources": {"plans": {}}, "prune": True}
            refused = await ask.post("/apply", json=plans)
            assert problem(refused) == (409, "conflict")
            assert "team red" in refused.json()["detail"]
            services = {"resources": {"services": {}}, "prune": True}
            assert "routes.users.service" in faults(await ask.post("/apply", json=services))
            nothing: dict[str, Any] = {name: {} for name in EVERYTHING if name != "policies"}
            pruned = await ask.post("/apply", json={"resources": nothing, "prune": True})
            assert set(told(pruned.json())) == {
                ("service", "users", "delete"),
                ("plan", "free", "delete"),
                ("team", "red", "delete"),
                ("consumer", "acme", "delete"),
                ("route", "users", "delete"),
                ("key", key, "delete"),
            }
            assert (await ask.get("/export")).json() == {
                "resources": {"policies": EVERYTHING["policies"]}
            }

    run(story())


def test_what_the_file_declares_is_neither_applied_nor_exported(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            await ask.made("/services/users", USERS)
        file = "services: {users: {targets: [http://10.0.0.1:80]}}\npolicies: [metrics: {}]\n"
        async with api(tmp_path, file) as ask:
            assert (await ask.get("/export")).json() == {"resources": {}}
            refused = await ask.post("/apply", json={"resources": {"services": {"users": USERS}}})
            assert problem(refused) == (409, "conflict")
            assert "`services.users`" in refused.json()["detail"]
            policies = await ask.post("/apply", json={"resources": {"policies": []}})
            assert "`policies`" in policies.json()["detail"]
            hidden = {"resources": {"services": {}}, "prune": True}
            pruned = await ask.post("/apply", json=hidden)
            assert told(pruned.json()) == [("service", "users", "delete")]

    run(story())


def test_many_consumers_are_applied_as_few_are(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            many = {f"c{number}": {"description": str(number)} for number in range(150)}
            made = await ask.post("/apply", json={"resources": {"consumers": many}})
            assert len(made.json()["changes"]) == 150
            again = await ask.post("/apply", json={"resources": {"consumers": many}})
            assert again.json() == {"changes": []}
            exported = (await ask.get("/export")).json()["resources"]["consumers"]
            assert exported == many

    run(story())


def test_viewers_apply_nothing_and_tokens_of_a_team_neither_apply_nor_export(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            await ask.made("/teams/red", {})
            viewer = await ask.token("viewer")
            body: dict[str, Any] = {"resources": {"consumers": {"a": {}}}}
            refused = await ask.post("/apply", json=body, token=viewer)
            assert problem(refused) == (403, "forbidden")
            assert (await ask.get("/export", token=viewer)).status_code == 200
            team = await ask.token("admin", team="red")
            refused = await ask.post("/apply", json=body, token=team)
            assert problem(refused) == (403, "forbidden")
            assert problem(await ask.get("/export", token=team)) == (403, "forbidden")

    run(story())
