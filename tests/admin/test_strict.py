from __future__ import annotations

from pathlib import Path

import pytest

from support.admin import api, faults, problem
from support.loops import run

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "body", "where"),
    [
        ("POST", "/apply", '{"resources": {"routes": {"d": {"a": 1}, "d": {}}}}', "routes.d"),
        ("POST", "/apply", '{"resources": {"routes": {}, "routes": {}}}', "routes"),
        ("POST", "/apply", '{"resources": {}, "resources": {}}', "resources"),
        ("POST", "/apply", '{"resources": {"teams": {}}, "prune": false, "prune": true}', "prune"),
        ("POST", "/apply", '{"resources": {"teams": {"a": {"plan": "p", "plan": "q"}}}}',
         "teams.a.plan"),
        ("POST", "/teams", '{"name": "a", "spec": {"plan": "p"}, "spec": {}}', "spec"),
        ("POST", "/teams", '{"name": "a", "name": "b", "spec": {}}', "name"),
        ("POST", "/tokens", '{"role": "viewer", "role": "admin"}', "role"),
        ("PUT", "/teams/a", '{"plan": "p", "plan": "q"}', "teams.a.plan"),
        ("PUT", "/policies", '[{"metrics": {}, "metrics": {}}]', "policies[0].metrics"),
        ("PUT", "/secrets/a", '{"value": "one", "value": "two"}', "value"),
    ],
)  # fmt: skip
def test_a_name_that_is_there_twice_is_refused_and_nothing_is_done(
    tmp_path: Path, method: str, path: str, body: str, where: str
) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            answer = await ask.ask(method, path, content=body, headers=JSON)
            assert list(faults(answer)) == [where]
            assert "is here twice in one object" in faults(answer)[where]
            assert (await ask.get("/export")).json() == {"resources": {}}
            assert (await ask.get("/tokens")).json()["items"] == []

    run(story())


def test_what_is_no_json_is_a_bad_request(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            for body in ("{", "[" * 100_000, "{'a': 1}", '{"a": NaN}'):
                answer = await ask.ask("POST", "/apply", content=body, headers=JSON)
                assert problem(answer) == (400, "bad-content"), body

    run(story())


def test_a_large_body_is_read_as_a_small_one_is(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            teams = {f"t{number}": {"description": "x" * 100} for number in range(1000)}
            assert len(str(teams)) > 2**16
            made = await ask.post("/apply", json={"resources": {"teams": teams}})
            assert len(made.json()["changes"]) == 1000

    run(story())
