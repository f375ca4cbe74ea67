"""The admin API over its own port: what a stranger may try, and whether its schema is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from support.admin_server import AdminServer, admin_server
from support.effort import THOROUGH
from support.raw_http import connect

EXAMPLES = 100 if THOROUGH else 6
"""Of each operation, valid and invalid ones each."""
PARTS = 4
"""All operations in one test would take a third of a minute, and more than one where it is slow."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminServer]:
    with admin_server(tmp_path_factory.mktemp("admin")) as made:
        yield made


REFUSALS = [400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428]
"""How what the schema forbids may be refused."""


def schema_of(server: AdminServer) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{server.url}/admin/openapi.json").json()
    return found


def try_out(server: AdminServer, operation: Any, mode: Any) -> None:
    """Send what a schema allows, or what it forbids, and check every answer against it."""

    @hypothesis.settings(
        max_examples=EXAMPLES,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        derandomize=not THOROUGH,
    )
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        case.call_and_validate(base_url=server.url, headers=server.signed, checks=CHECKS)

    send()


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_no_answer_is_a_5xx_or_other_than_the_schema_says(
    server: AdminServer, mode: Any, part: int
) -> None:
    rejection = {"negative_data_rejection": {"expected-statuses": REFUSALS}}
    config = schemathesis.Config.from_dict({"checks": rejection})
    schema = schemathesis.openapi.from_dict(schema_of(server), config=config)
    operations = list(schema.get_all_operations())
    assert len(operations) > 20
    for result in operations[part::PARTS]:
        try_out(server, result.ok(), mode)


TRICKS = [
    "x' OR '1'='1",
    "x; DROP TABLE revisions--",
    "x') UNION SELECT content FROM revisions--",
    "..%2F..%2Fetc%2Fpasswd",
    "%252e%252e%252f",
    "%00",
    "x%0d%0aset-cookie:%20a=b",
    "%FF%FE",
    "%EE%80%80",
    "{{7*7}}",
    "${jndi:ldap://127.0.0.1/a}",
    "*",
    "x" * 5000,
]


def paths(server: AdminServer) -> list[tuple[str, str]]:
    return [
        (method.upper(), path)
        for path, item in schema_of(server)["paths"].items()
        for method in item
        if "{" in path and method in {"get", "put", "patch", "post", "delete"}
    ]


@pytest.mark.parametrize("trick", TRICKS, ids=range(len(TRICKS)))
def test_no_trick_in_a_path_finds_or_breaks_anything(server: AdminServer, trick: str) -> None:
    raw = re.sub(r"[^!-~]|[ #?\\]", lambda m: "".join(f"%{b:02X}" for b in m[0].encode()), trick)
    asked = paths(server)
    assert asked
    for method, path in asked:
        target = re.sub(r"\{\w+\}", lambda _: raw, path)
        with connect(server.port) as client:
            head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n"
            head += f"Authorization: {server.signed['authorization']}\r\n"
            head += "If-Match: *\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
            answer = client.request(head.encode())
        assert 400 <= answer.status < 500, (method, target, answer.status)
    listed = httpx.get(f"{server.url}/admin/v1/routes", headers=server.signed)
    assert [item["name"] for item in listed.json()["items"]] == ["of-the-file"]


@pytest.mark.parametrize("host", ["attacker.example", "localhost.attacker.example", "127.1"])
def test_no_name_that_may_be_rebound_reaches_the_api(server: AdminServer, host: str) -> None:
    for path in ("/admin/v1/routes", "/admin/docs", "/admin/openapi.json", "/admin/nothing"):
        answer = httpx.get(server.url + path, headers={**server.signed, "host": host})
        assert answer.status_code == 403


def test_every_operation_wants_a_token(server: AdminServer) -> None:
    paths = schema_of(server)["paths"]
    with httpx.Client(base_url=server.url) as client:
        for path, item in paths.items():
            for method in item:
                answer = client.request(method, re.sub(r"\{\w+\}", "x", path))
                assert answer.status_code == 401, (method, path)


def test_a_body_of_two_megabytes_is_for_apply_only(server: AdminServer) -> None:
    body = b'{"resources": {}' + b" " * 2 * 2**20 + b"}"
    headers = {**server.signed, "content-type": "application/json"}
    for path, status in (("routes", 413), ("apply", 200)):
        answer = httpx.post(f"{server.url}/admin/v1/{path}", content=body, headers=headers)
        assert answer.status_code == status


def test_a_slash_in_a_name_is_sent_encoded_and_is_part_of_the_name(server: AdminServer) -> None:
    url = f"{server.url}/admin/v1/teams/"
    made = httpx.put(url + "red%2Fblue", headers=server.signed, json={})
    assert (made.status_code, made.json()["name"]) == (201, "red/blue")
    assert httpx.get(url + "red%2fblue/history", headers=server.signed).status_code == 200
    assert httpx.get(url + "red/blue", headers=server.signed).status_code == 404
    assert httpx.delete(url + "red%2Fblue", headers=server.signed).status_code == 204
