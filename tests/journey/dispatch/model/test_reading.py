from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.exchange import Exchange
from sluicegate.journey.dispatch.model.errors import ErrorForm
from sluicegate.journey.dispatch.model.reading import Reading, no_model
from sluicegate.llm.dialects import find
from sluicegate.llm.endpoint import endpoint_of
from sluicegate.model.name_pattern import read_patterns
from support.exchanges import ClientSide, body, exchange, run, sink
from support.model_pools import ModelWorld

MODEL = {"deployments": [{"provider": "p"}]}


def reading(*models: str, max_body: int = 1000) -> Reading:
    return Reading(max_body, read_patterns(models, "models"))


def call(
    data: bytes | None,
    path: str = "/v1/chat/completions",
    method: str = "POST",
    keys: tuple[str, ...] = (),
    **more: Any,
) -> Exchange:
    """Return an exchange that was opened, with the models `gpt` and `ge/*`."""
    asked = exchange(method, path, request_body=None if data is None else whole(data), **more)
    endpoint = endpoint_of(path, None, asked.request.headers, method)
    assert endpoint is not None
    asked.endpoint = endpoint
    asked.speaks = ErrorForm(find(endpoint.dialect))
    asked.models = read_patterns(keys, "models")
    world = ModelWorld()
    pools = {name: world.pool(name, MODEL) for name in ("gpt", "ge/*")}
    from sluicegate.upstream.models.table import ModelTable  # noqa: PLC0415 - here alone

    asked.snapshot = cast("Any", SimpleNamespace(models=ModelTable(pools)))
    return asked


def whole(data: bytes) -> Any:
    made = body(data, len(data))
    made.end(None)
    return made


def error(got: ClientSide) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(got.body)["error"]
    return said


def test_a_call_knows_its_model_its_members_and_whether_it_is_a_stream() -> None:
    data = b'{"model": "gpt", "stream": true, "messages": [ 1,2 ], "odd": {"a": 1}}'
    asked = call(data)
    assert run(reading(), asked).status == 200
    made = asked.call
    assert made is not None
    assert (made.asked, made.alias, made.stream) == ("gpt", "gpt", True)
    assert made.body == data
    assert bytes(made.fields["odd"]) == b'{"a": 1}'
    assert made.pool is not None


def test_a_name_behind_a_star_is_asked_for_by_its_own_name_and_counted_by_the_stars() -> None:
    asked = call(b'{"model":"ge/flash"}')
    run(reading(), asked)
    assert asked.call is not None
    assert (asked.call.asked, asked.call.alias) == ("ge/flash", "ge/*")


def test_what_the_path_says_counts_where_it_says_it() -> None:
    asked = call(b'{"model":"other","stream":true}', "/v1beta/models/gpt:generateContent")
    run(reading(), asked)
    assert asked.call is not None
    assert (asked.call.asked, asked.call.stream) == ("gpt", False)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (None, None),
        (b"", None),
        (b"[]", None),
        (b"{", None),
        (b'{"a":1}x', None),
        (b'{"model":"\xff"}', "model"),
        (b"{}", "model"),
        (b'{"model":""}', "model"),
        (b'{"model":null}', "model"),
        (b'{"model":7}', "model"),
        (b'{"model":"gpt","stream":"yes"}', "stream"),
        (b'{"model":"gpt","stream":1}', "stream"),
    ],
)
def test_a_body_that_is_no_call_is_a_400_that_names_the_field(
    data: bytes | None, field: str | None
) -> None:
    got = run(reading(), call(data))
    assert got.status == 400
    assert error(got)["type"] == "invalid_request_error"
    assert error(got).get("param") == field


@pytest.mark.parametrize("twin", ["Model", "MODEL", "Stream", "\u017ftream", "Store"])
def test_a_member_that_some_servers_would_take_for_another_is_refused(twin: str) -> None:
    got = run(reading(), call(json.dumps({"model": "gpt", twin: "other"}).encode()))
    assert got.status == 400
    assert error(got)["param"] == twin


@given(st.binary(max_size=60))
def test_no_bytes_are_more_than_a_400_or_a_404(data: bytes) -> None:
    assert run(reading(), call(data)).status in (400, 404)


def test_a_stream_of_null_is_none() -> None:
    asked = call(b'{"model":"gpt","stream":null}')
    run(reading(), asked)
    assert asked.call is not None
    assert not asked.call.stream


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip"])
def test_a_compressed_body_is_not_taken(coding: str) -> None:
    got = run(reading(), call(b'{"model":"gpt"}', headers={"content-encoding": coding}))
    assert got.status == 415


def test_a_body_that_says_that_it_is_not_compressed_is_taken() -> None:
    asked = call(b'{"model":"gpt"}', headers={"content-encoding": " Identity"})
    assert run(reading(), asked).status == 200


def test_a_body_has_a_bound() -> None:
    assert run(reading(max_body=10), call(b'{"model":"gpt"}')).status == 413


@pytest.mark.parametrize("name", ["nothing", "gpt-4", "GPT", "g"])
def test_a_model_that_is_not_there_is_a_404(name: str) -> None:
    got = run(reading(), call(json.dumps({"model": name}).encode()))
    assert got.status == 404
    assert error(got)["code"] == "model_not_found"
    assert name in error(got)["message"]


def test_a_model_that_the_route_does_not_serve_is_not_there() -> None:
    assert run(reading("ge/*"), call(b'{"model":"gpt"}')).status == 404
    assert run(reading("ge/*"), call(b'{"model":"ge/flash"}')).status == 200


def test_a_key_is_good_for_its_models_alone() -> None:
    assert run(reading(), call(b'{"model":"gpt"}', keys=("ge/*",))).status == 403
    assert run(reading(), call(b'{"model":"ge/a"}', keys=("ge/*",))).status == 200


def test_whether_a_model_is_there_is_not_told_to_a_key_that_may_not_have_it() -> None:
    assert run(reading(), call(b'{"model":"nothing"}', keys=("ge/*",))).status == 403


def test_a_native_pass_through_is_a_name_that_keys_may_list() -> None:
    asked = call(None, "/proxy/p/v1/files", "GET", keys=("proxy/p",))
    assert run(reading(), asked).status == 200
    assert asked.call is not None
    assert asked.call.asked == "proxy/p"
    assert run(reading(), call(None, "/proxy/p/v1/files", "GET", keys=("gpt",))).status == 403


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/gpt", "/v1/responses/r"])
def test_other_endpoints_need_no_body(path: str) -> None:
    asked = call(None, path, "GET")
    run(reading(), asked)
    assert sink(asked).status == 200


def test_of_a_long_name_only_the_beginning_is_told() -> None:
    assert len(no_model("x" * 10_000).message) < 200
