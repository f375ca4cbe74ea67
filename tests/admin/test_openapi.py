from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from litestar.testing import create_test_client

from sluicegate.admin.controllers import controllers
from sluicegate.admin.openapi import METHODS, SchemaPages, query_parameters
from support.admin_frame import frame


def schema(folder: Path) -> dict[str, Any]:
    async def work() -> dict[str, Any]:
        async with frame(folder, controllers()) as api:
            answer = await api.get("/admin/openapi.json", token=None)
            assert answer.headers["content-type"] == "application/json"
            again = await api.get("/admin/openapi.json", token=None)
            assert again.text == answer.text
            found: dict[str, Any] = answer.json()
            return found

    return asyncio.run(work())


def operations(found: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (method, item[method])
        for item in found["paths"].values()
        for method in METHODS & item.keys()
    ]


def test_the_schema_is_openapi_3_1_and_wants_a_token(tmp_path: Path) -> None:
    found = schema(tmp_path)
    assert found["openapi"].startswith("3.1")
    assert found["security"] == [{"token": []}]
    assert "/admin/v1/tokens/{name}" in found["paths"]
    assert all(path.startswith("/admin/v1/") for path in found["paths"])


def test_every_operation_may_be_refused_with_a_problem(tmp_path: Path) -> None:
    for _, operation in operations(schema(tmp_path)):
        assert operation["summary"]
        assert "400" not in operation["responses"]
        for status in ("4XX", "503"):
            content = operation["responses"][status]["content"]
            assert list(content) == ["application/problem+json"]


def test_every_post_takes_an_idempotency_key_once(tmp_path: Path) -> None:
    for method, operation in operations(schema(tmp_path)):
        names = [parameter["name"] for parameter in operation.get("parameters", ())]
        assert names.count("Idempotency-Key") == (method == "post")


def test_the_parameters_that_the_door_lets_in_are_those_of_the_schema(tmp_path: Path) -> None:
    async def routes() -> Any:
        async with frame(tmp_path, controllers()) as api:
            return api.api.litestar.routes

    known = query_parameters(asyncio.run(routes()))
    for path, item in schema(tmp_path)["paths"].items():
        for method in METHODS & item.keys():
            parameters = item[method].get("parameters", ())
            names = {each["name"] for each in parameters if each["in"] == "query"}
            assert known[path, method.upper()] == names, (method, path)


def test_the_schema_is_drawn_once_and_not_before_somebody_asks() -> None:
    drawn = []

    def draw() -> dict[str, Any]:
        drawn.append(1)
        return {"info": {"title": "T", "version": "1"}, "paths": {}, "components": {"schemas": {}}}

    schema, docs = SchemaPages(draw).handlers()
    assert not drawn
    with create_test_client([schema, docs]) as client:
        for path in ("/admin/openapi.json", "/admin/docs", "/admin/openapi.json"):
            assert client.get(path).status_code == 200
    assert len(drawn) == 1


def test_bounds_of_parameters_are_in_the_schema(tmp_path: Path) -> None:
    for parameter in schema(tmp_path)["paths"]["/admin/v1/audit"]["get"]["parameters"]:
        if parameter["name"] == "limit":
            assert (parameter["schema"]["minimum"], parameter["schema"]["maximum"]) == (1, 1000)


def test_an_answer_without_a_body_has_none_in_the_schema(tmp_path: Path) -> None:
    found = [operation["responses"].get("204") for _, operation in operations(schema(tmp_path))]
    assert any(found)
    assert all("content" not in answer for answer in found if answer)


def test_what_a_dry_run_says_is_in_the_schema_of_every_operation_that_has_one(
    tmp_path: Path,
) -> None:
    changes = {"$ref": "#/components/schemas/ShownChanges"}
    asked = 0
    for _, operation in operations(schema(tmp_path)):
        if any(parameter["name"] == "dry_run" for parameter in operation.get("parameters", ())):
            shape = operation["responses"]["200"]["content"]["application/json"]["schema"]
            assert changes in (shape, *shape.get("anyOf", ()))
            asked += 1
    assert asked > 10


def test_names_in_paths_and_unknown_fields_are_as_strict_as_the_handlers(tmp_path: Path) -> None:
    found = schema(tmp_path)
    (name,) = found["paths"]["/admin/v1/routes/{name}"]["get"]["parameters"]
    assert name["schema"]["pattern"].startswith("^[A-Za-z0-9_]")
    assert not re.match(name["schema"]["pattern"], "gpt-*")
    (name,) = found["paths"]["/admin/v1/models/{name}"]["get"]["parameters"]
    assert re.match(name["schema"]["pattern"], "gpt-*")
    assert found["components"]["schemas"]["TokenSpec"]["additionalProperties"] is False


def test_litestars_own_pages_are_shut(tmp_path: Path) -> None:
    async def work() -> None:
        async with frame(tmp_path) as api:
            for path in ("", "/", "/openapi.json", "/swagger"):
                answer = await api.get("/admin/litestar" + path)
                assert answer.status_code == 404
                assert answer.headers["content-type"] == "application/problem+json"

    asyncio.run(work())


def test_what_may_come_as_a_table_says_so(tmp_path: Path) -> None:
    found = schema(tmp_path)
    content = found["paths"]["/admin/v1/usage"]["get"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "text/csv"}
    names = {
        each["name"] for each in found["paths"]["/admin/v1/usage/entries"]["get"]["parameters"]
    }
    assert names >= {"since", "until", "consumer", "team", "limit", "after", "format"}
    assert not names & {"who", "where", "asked", "clock", "control"}
