from __future__ import annotations

from pathlib import Path

from support.admin import api, faults, problem
from support.loops import run

TEXT = "correct horse battery staple"


def test_a_secret_is_kept_sealed_and_never_returned(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            made = await ask.put("/secrets/upstream", json={"value": TEXT})
            assert made.status_code == 201
            assert made.json()["spec"] is None
            head = await ask.desk.store.head("secret", "upstream")
            assert head is not None
            assert TEXT.encode() not in (head.content or b"")
            assert await ask.desk.vault.open("upstream", head.content or b"") == TEXT
            changed = await ask.put("/secrets/upstream", json={"value": TEXT + "!"})
            assert changed.status_code == 200
            dry = await ask.put(
                "/secrets/upstream", json={"value": TEXT}, params={"dry_run": "true"}
            )
            assert dry.json()["changes"] == [
                {"kind": "secret", "name": "upstream", "action": "update", "diff": []}
            ]
            for path in ("/secrets", "/secrets/upstream", "/secrets/upstream/history", "/export"):
                answer = await ask.get(path)
                assert answer.status_code == 200
                assert TEXT not in answer.text
                assert "sealed" not in answer.text

    run(story())


def test_secrets_are_for_admins(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            operator = await ask.token("operator")
            for method, path in (
                ("GET", "/secrets"),
                ("GET", "/secrets/a"),
                ("PUT", "/secrets/a"),
                ("DELETE", "/secrets/a"),
                ("POST", "/secret-rotation"),
            ):
                body = {"value": "x"} if method == "PUT" else None
                answer = await ask.ask(method, path, token=operator, json=body)
                assert problem(answer) == (403, "forbidden")

    run(story())


def test_a_secret_that_a_route_names_stays(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            team = {"description": "${secret:upstream}"}
            assert "teams.red" in " ".join(faults(await ask.put("/teams/red", json=team)))
            await ask.made("/secrets/upstream", {"value": TEXT})
            await ask.made("/teams/red", team)
            refused = await ask.delete("/secrets/upstream")
            assert problem(refused) == (409, "conflict")
            assert "team red" in refused.json()["detail"]
            await ask.made("/teams/red", {})
            assert (await ask.delete("/secrets/upstream")).status_code == 204

    run(story())


def test_what_would_not_fit_with_the_new_text_is_refused_without_showing_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            await ask.made("/secrets/where", {"value": "http://10.0.0.5:9000"})
            await ask.made("/services/users", {"targets": ["${secret:where}"]})
            refused = await ask.put("/secrets/where", json={"value": "nowhere-at-all"})
            assert list(faults(refused)) == ["services.users.targets[0]"]
            assert "nowhere" not in refused.text

    run(story())


def test_a_rotation_seals_all_of_them_anew_with_the_same_texts(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            texts = {f"s{number}": f"text {number}" for number in range(3)}
            for name, text in texts.items():
                await ask.made(f"/secrets/{name}", {"value": text})
            before = await ask.desk.store.listing("secret")
            rotated = await ask.post("/secret-rotation")
            assert rotated.status_code == 200, rotated.text
            assert rotated.json() == {"wrapped": 0, "sealed": 3}
            after = await ask.desk.store.listing("secret")
            assert {r.content for r in before}.isdisjoint(r.content for r in after)
            for revision in after:
                text = await ask.desk.vault.open(revision.name, revision.content or b"")
                assert text == texts[revision.name]

    run(story())


def test_what_is_no_secret_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            for body in ({}, {"value": ""}, {"value": 3}, {"value": "a", "b": 1}):
                assert (await ask.put("/secrets/a", json=body)).status_code == 422
            assert (await ask.put("/secrets/a%20b", json={"value": "x"})).status_code == 422
            assert (await ask.get("/secrets")).json()["items"] == []

    run(story())
