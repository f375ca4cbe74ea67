from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sluicegate.model.key import parse
from sluicegate.snapshot.keys import digest
from support.admin import api, faults, problem
from support.loops import run
from support.mock_clock import EPOCH_US

FILE = "consumers: {filed: {team: red}}\nteams: {red: {}, blue: {}}\n"
DAY_S = 86_400
ACME = {"name": "acme", "spec": {"team": "blue"}}


def test_a_key_is_shown_once_and_its_hash_never(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            await ask.made("/consumers/acme", {})
            made = await ask.post("/keys", json={"consumer": "acme", "scopes": ["orders:read"]})
            assert made.status_code == 201
            body = made.json()
            name, key = body["name"], body["key"]
            assert parse(key.encode()) == name.encode()
            assert made.headers["location"] == f"/admin/v1/keys/{name}"
            assert body["spec"] == {"consumer": "acme", "scopes": ["orders:read"]}
            stored = await ask.desk.store.head("key", name)
            assert stored is not None
            hashed = digest(b"p" * 32, key.encode()).hex()
            assert msgspec.json.decode(stored.content or b"")["hash"] == f"main:{hashed}"
            secret = key.removeprefix(name)
            assert secret.encode() not in (stored.content or b"")
            for path in (f"/keys/{name}", "/keys", f"/keys/{name}/history", "/export"):
                answer = await ask.get(path)
                assert answer.status_code == 200
                assert hashed not in answer.text
                assert secret not in answer.text

    run(story())


def test_a_key_is_of_a_consumer_that_is_there_in_the_store_or_in_the_file(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            assert (await ask.key("filed"))["key"]
            for wrong in ("none", "a b", ""):
                answer = await ask.post("/keys", json={"consumer": wrong})
                assert "consumer" in " ".join(faults(answer))
            assert (await ask.post("/keys", json={})).status_code == 422

    run(story())


def test_what_a_key_may_do_is_checked(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            for wrong in (
                {"hash": "main:" + "0" * 64},
                {"value": "x" * 32},
                {"plan": "none"},
                {"ip_ranges": ["10.0.0.0/99"]},
                {"methods": ["get"]},
                {"expires": "tomorrow"},
                {"expires": "2001-01-01T00:00:00Z"},
                {"scopes": ["a b"]},
                {"models": ["a*b"]},
            ):
                answer = await ask.post("/keys", json={"consumer": "filed", **wrong})
                assert answer.status_code == 422, (wrong, answer.text)
                assert next(iter(wrong)) in answer.text
            assert (await ask.get("/keys")).json()["items"] == []
            right = {"ip_ranges": ["10.0.0.0/8"], "methods": ["GET"], "routes": ["a*"]}
            right["models"] = ["gpt-*", "proxy/openai"]
            assert (await ask.key("filed", **right))["spec"] == {"consumer": "filed", **right}

    run(story())


def test_a_dry_run_makes_no_key(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            dry = await ask.post("/keys", json={"consumer": "filed"}, params={"dry_run": "true"})
            assert dry.status_code == 200
            assert dry.json()["changes"][0]["action"] == "create"
            assert "key" not in dry.json()
            assert (await ask.get("/keys")).json()["items"] == []

    run(story())


def test_keys_are_found_by_their_beginning_their_consumer_and_their_plan(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            await ask.made("/consumers/acme", {})
            await ask.made("/plans/free", {"policies": []})
            one = (await ask.key("acme", plan="free"))["name"]
            two = (await ask.key("filed"))["name"]

            async def names(**which: str) -> list[str]:
                answer = await ask.get("/keys", params=which)
                return [item["name"] for item in answer.json()["items"]]

            assert await names() == sorted([one, two])
            assert await names(prefix=one[:-1]) == [one]
            assert await names(consumer="filed") == [two]
            assert await names(plan="free") == [one]
            assert "still names" in (await ask.delete("/plans/free")).json()["detail"]
            page = (await ask.get("/keys", params={"limit": 1})).json()
            assert page["next"] == page["items"][0]["name"] == min(one, two)

    run(story())


def test_when_a_key_was_used_last_is_shown_with_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            name = (await ask.key("filed"))["name"]
            assert (await ask.get(f"/keys/{name}")).json()["last_used"] is None
            await ask.desk.store.used({name: EPOCH_US})
            for shown in (
                (await ask.get(f"/keys/{name}")).json(),
                (await ask.get("/keys")).json()["items"][0],
            ):
                assert shown["last_used"] == "2023-11-14T22:13:20Z"
                assert shown["source"] == "store"

    run(story())


def test_a_patch_changes_what_a_key_may_do_but_not_whose_it_is(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            await ask.made("/consumers/acme", {})
            made = await ask.key("filed", scopes=["a"])
            path = f"/keys/{made['name']}"
            before = await ask.desk.store.head("key", made["name"])
            etag = (await ask.get(path)).headers["etag"]
            for wrong in ({"consumer": "acme"}, {"consumer": None}, {"hash": "main:" + "0" * 64}):
                answer = await ask.patch(path, wrong, etag)
                assert f"keys.{made['name']}.{next(iter(wrong))}" in faults(answer)
            patched = await ask.patch(path, {"scopes": None, "description": "CI"}, etag)
            assert patched.json()["spec"] == {"consumer": "filed", "description": "CI"}
            after = await ask.desk.store.head("key", made["name"])
            assert before is not None
            assert after is not None
            hashes = [msgspec.json.decode(r.content or b"")["hash"] for r in (before, after)]
            assert hashes[0] == hashes[1]

    run(story())


def test_rotation_gives_a_new_key_of_the_same_rights_and_an_end_to_the_old(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            old = await ask.key("filed", scopes=["a"], description="CI")
            path = f"/keys/{old['name']}"
            made = await ask.post(f"{path}/rotate", json={"overlap": "2h"})
            assert made.status_code == 201
            new = made.json()
            assert parse(new["key"].encode()) == new["name"].encode() != old["name"].encode()
            assert new["spec"] == old["spec"]
            ends = "2023-11-15T00:13:20Z"
            assert new["replaces"] == {"name": old["name"], "expires": ends}
            assert (await ask.get(path)).json()["spec"] == {**old["spec"], "expires": ends}
            items = (await ask.get(f"{path}/history")).json()["items"]
            assert [item["action"] for item in items] == ["rotate", "create"]
            ask.clock.advance(2 * 3600 + 1)
            late = await ask.post(f"{path}/rotate", json={})
            assert "expires" in faults(late)
            longer = await ask.post(f"{path}/rotate", json={"expires": "2024-01-01T00:00:00Z"})
            assert longer.json()["spec"]["expires"] == "2024-01-01T00:00:00Z"
            assert longer.json()["replaces"]["expires"] == ends

    run(story())


def test_a_rotation_never_makes_the_old_key_last_longer(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            old = await ask.key("filed", expires="2023-11-14T23:00:00Z")
            made = await ask.post(f"/keys/{old['name']}/rotate", json={})
            assert made.json()["replaces"]["expires"] == "2023-11-14T23:00:00Z"
            wrong = await ask.post(f"/keys/{old['name']}/rotate", json={"overlap": "a day"})
            assert "overlap" in faults(wrong)
            dry = await ask.post(
                f"/keys/{old['name']}/rotate", json={"overlap": "1m"}, params={"dry_run": "true"}
            )
            assert [change["action"] for change in dry.json()["changes"]] == ["create", "update"]

    run(story())


def test_a_revoked_key_stays_revoked(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            name = (await ask.key("filed"))["name"]
            path = f"/keys/{name}"
            first = (await ask.get(path)).json()["revision"]
            assert (await ask.delete(path)).status_code == 204
            assert problem(await ask.get(path)) == (404, "not-found")
            for answer in (
                await ask.delete(path),
                await ask.patch(path, {"description": "x"}, "*"),
                await ask.post(f"{path}/rotate", json={}),
                await ask.post(f"{path}/rollback", json={"revision": first}),
            ):
                assert answer.status_code in {409, 412}, answer.text
            assert problem(await ask.delete(path)) == (409, "conflict")
            items = (await ask.get(f"{path}/history")).json()["items"]
            assert [item["action"] for item in items] == ["revoke", "create"]

    run(story())


def test_a_team_sees_and_makes_keys_of_its_own_consumers_only(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            await ask.made("/consumers/theirs", {"team": "blue"})
            await ask.made("/consumers/mine", {"team": "red"})
            theirs = (await ask.key("theirs"))["name"]
            ours = sorted([(await ask.key("mine"))["name"], (await ask.key("filed"))["name"]])
            red = await ask.token("operator", team="red")
            listed = (await ask.get("/keys", token=red)).json()["items"]
            assert [item["name"] for item in listed] == ours
            of_theirs = await ask.get("/keys", token=red, params={"consumer": "theirs"})
            assert of_theirs.json()["items"] == []
            for method, more, body in (
                ("GET", "", None),
                ("GET", "/history", None),
                ("DELETE", "", None),
                ("POST", "/rotate", {}),
                ("POST", "/rollback", {"revision": "x"}),
            ):
                answer = await ask.ask(method, f"/keys/{theirs}{more}", token=red, json=body)
                assert problem(answer) == (404, "not-found"), (method, more)
            refused = await ask.post("/keys", json={"consumer": "theirs"}, token=red)
            assert "consumer" in faults(refused)
            made = await ask.post("/keys", json={"consumer": "filed"}, token=red)
            assert made.status_code == 201
            nobodys = await ask.token("operator", team="green")
            assert (await ask.get("/keys", token=nobodys)).json()["items"] == []

    run(story())


def test_what_is_replayed_shows_no_key(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            again = {"idempotency-key": "once"}
            first = await ask.post("/keys", json={"consumer": "filed"}, headers=again)
            second = await ask.post("/keys", json={"consumer": "filed"}, headers=again)
            assert second.headers["idempotent-replayed"] == "true"
            assert second.json() == {**first.json(), "key": None}
            assert len((await ask.get("/keys")).json()["items"]) == 1

    run(story())


def test_without_a_pepper_no_key_is_made(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            ask.desk.peppers = {}
            answer = await ask.post("/keys", json={"consumer": "filed"})
            assert problem(answer) == (409, "conflict")
            assert "peppers" in answer.json()["detail"]

    run(story())


BOUNDS = {"scopes": ["a"], "methods": ["GET"], "expires": "2023-12-01T00:00:00Z"}


def test_a_team_gives_its_keys_neither_plan_nor_scopes(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            await ask.made("/plans/gold", {"policies": []})
            red = await ask.token("operator", team="red")
            for field, value in (("plan", "gold"), ("scopes", ["a"])):
                body = {"consumer": "filed", field: value}
                answer = await ask.post("/keys", json=body, token=red)
                assert problem(answer) == (403, "forbidden")
                assert f"`{field}`" in answer.json()["detail"]
            fine = {"consumer": "filed", "plan": None, "scopes": [], "methods": ["GET"]}
            assert (await ask.post("/keys", json=fine, token=red)).status_code == 201

    run(story())


def test_a_team_does_not_loosen_a_key_that_it_was_given(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            red = await ask.token("operator", team="red")
            wide = (await ask.key("filed", scopes=["a"]))["name"]
            path = f"/keys/{wide}"
            first = (await ask.get(path)).json()["revision"]
            assert (await ask.patch(path, BOUNDS, "*")).status_code == 200
            for answer in (
                await ask.patch(path, {"methods": None}, "*", token=red),
                await ask.patch(path, {"expires": None}, "*", token=red),
                await ask.post(f"{path}/rollback", json={"revision": first}, token=red),
                await ask.post(
                    f"{path}/rotate", json={"expires": "2024-01-01T00:00:00Z"}, token=red
                ),
            ):
                assert problem(answer) == (403, "forbidden")
                assert "may not widen" in answer.json()["detail"]
            sooner = {"expires": "2023-11-30T00:00:00Z", "description": "CI"}
            assert (await ask.patch(path, sooner, "*", token=red)).status_code == 200
            rotated = await ask.post(f"{path}/rotate", json={}, token=red)
            assert rotated.json()["spec"]["methods"] == ["GET"]
            longer = await ask.post(f"{path}/rotate", json={"expires": "2024-01-01T00:00:00Z"})
            assert longer.status_code == 201

    run(story())


@pytest.mark.parametrize(
    "expires", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", 4e9, 4000000000, "soon"]
)
def test_a_key_expires_at_a_time_that_utc_has(tmp_path: Path, expires: object) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            name = (await ask.key("filed"))["name"]
            made = await ask.post("/keys", json={"consumer": "filed", "expires": expires})
            assert faults(made).keys() == {"expires"}
            rotated = await ask.post(f"/keys/{name}/rotate", json={"expires": expires})
            assert faults(rotated).keys() == {"expires"}
            patched = await ask.patch(f"/keys/{name}", {"expires": expires}, "*")
            assert faults(patched).keys() == {f"keys.{name}.expires"}

    run(story())


def test_a_name_that_was_freed_shows_nothing_of_the_keys_of_before(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            red, blue = [await ask.token("operator", team=team) for team in ("red", "blue")]
            await ask.made("/consumers/acme", {"team": "red"})
            path = f"/keys/{(await ask.key('acme', description='of red'))['name']}"
            first = (await ask.get(path)).json()["revision"]
            assert (await ask.patch(path, {"description": "r"}, "*")).status_code == 200
            second = (await ask.get(path)).json()["revision"]
            assert (await ask.get(f"{path}/history", token=red)).status_code == 200
            assert (await ask.delete("/consumers/acme", token=red)).status_code == 204
            assert (await ask.post("/consumers", token=blue, json=ACME)).status_code == 201
            both = {"from": first, "to": second}
            for team in (red, blue):
                for answer in (
                    await ask.get(f"{path}/history", token=team),
                    await ask.get(f"{path}/diff", token=team, params=both),
                    await ask.delete(path, token=team),
                ):
                    assert problem(answer) == (404, "not-found")
            own = (await ask.post("/keys", json={"consumer": "acme"}, token=blue)).json()["name"]
            assert (await ask.delete(f"/keys/{own}", token=blue)).status_code == 204
            shown = await ask.get(f"/keys/{own}/history", token=blue)
            assert [item["action"] for item in shown.json()["items"]] == ["revoke", "create"]
            assert (await ask.get(f"{path}/history")).status_code == 200

    run(story())
