"""`json`: what changes in a body, and what is left alone."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.exchange import Exchange, Response
from sluicegate.headers import Headers
from sluicegate.journey.shape.json import Changes, Config, Edit, Policy, split
from sluicegate.model.units import convert
from sluicegate.policy import Parts
from sluicegate.wire.body import RequestBody
from support.exchanges import ClientSide, body, counted, exchange, pairs, parts, run, target
from support.mock_clock import MockClock

UNTOUCHED = "sluicegate_json_untouched_total"
JSON = {"content-type": "application/json"}
SET = {"set": {"a": 1}}


def policy(made: Parts | None = None, **config: Any) -> Policy:
    return Policy(convert(config, Config), made or parts(MockClock()))


def changed(text: str, **edit: Any) -> str | None:
    after = Changes(Edit(**edit)).apply(text.encode())
    return None if after is None else after.decode()


# --- paths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("a", ("a",)),
        ("a.b.0", ("a", "b", "0")),
        (r"a\.b.c", ("a.b", "c")),
        (r"a\\.b", ("a\\", "b")),
        ("ä €.x y", ("ä €", "x y")),
    ],
)
def test_a_path_is_names_with_dots_between(path: str, steps: tuple[str, ...]) -> None:
    assert split(path) == steps


@pytest.mark.parametrize("path", ["", ".", ".a", "a.", "a..b", "a\\"])
def test_what_is_no_path_is_refused(path: str) -> None:
    for edit in ({"remove": [path]}, {"set": {path: 1}}):
        with pytest.raises(msgspec.ValidationError, match="is no path"):
            policy(request=edit)


def test_a_policy_that_changes_nothing_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="nothing changes"):
        policy(request={}, max_size="1KiB")


# --- what an edit does ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ('{"a": 1, "b": 2}', "a", '{"b":2}'),
        ('{"a": {"b": 1, "c": 2}}', "a.b", '{"a":{"c":2}}'),
        ('{"a": [1, {"id": 2}, 3]}', "a.1.id", '{"a":[1,{},3]}'),
        ('[{"id": 1}, 2]', "0", "[2]"),
        ('{"0": 1}', "0", "{}"),
        ('{"a.b": 1}', r"a\.b", "{}"),
        ('{"a": 1}', "b", None),
        ('{"a": 1}', "a.b", None),
        ('{"a": null}', "a.b", None),
        ('{"a": "b"}', "a.0", None),
        ('{"a": [1]}', "a.1", None),
        ('{"a": [1]}', "a.-1", None),
        ('{"a": [1]}', "a.00", None),
        ('{"a": [1]}', "a.x", None),
        ('"a"', "a", None),
    ],
)
def test_remove_drops_what_is_there(before: str, path: str, after: str | None) -> None:
    assert changed(before, remove=[path]) == after


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ("{}", "a", '{"a":"v"}'),
        ('{"a": {"c": 1}}', "a", '{"a":"v"}'),
        ("{}", "a.b.0", '{"a":{"b":{"0":"v"}}}'),
        ('{"a": {}}', "a.b.c", '{"a":{"b":{"c":"v"}}}'),
        ('{"a": [{"id": 1}, 2]}', "a.0.id", '{"a":[{"id":"v"},2]}'),
        ('{"a": [1, 2]}', "a.1", '{"a":[1,"v"]}'),
        ("[1]", "0", '["v"]'),
        ('{"a": [1]}', "a.1", None),
        ('{"a": [1]}', "a.b", None),
        ('{"a": 1}', "a.b", None),
        ('{"a": null}', "a.b", None),
        ("12", "a", None),
        (" null ", "a", None),
    ],
)
def test_set_replaces_adds_and_never_goes_through_a_plain_value(
    before: str, path: str, after: str | None
) -> None:
    assert changed(before, set={path: "v"}) == after


def test_edits_follow_each_other_in_order() -> None:
    after = changed('{"a": {"b": 1}}', remove=["a"], set={"a.c": [1], "a.c.0": {"x": None}})
    assert after == '{"a":{"c":[1]}}' or json.loads(after or "") == {"a": {"c": [{"x": None}]}}
    assert changed('{"a": [1, 2, 3]}', remove=["a.0", "a.0"]) == '{"a":[3]}'


def test_what_no_path_leads_to_stays_to_the_letter() -> None:
    kept = r'{"n": 1.10, "big": 123456789012345678901234567890, "e": 1E400, "s": "\u00e9\/"}'
    assert changed(f'{{"k": {kept}, "x": 1}}', remove=["x"]) == f'{{"k":{kept}}}'
    after = changed(f'{{"k": {kept}, "x": 1}}', set={"k.n": 2})
    assert after is not None
    assert r'"big":123456789012345678901234567890,"e":1E400,"s":"\u00e9\/"' in after


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=12,
)


@given(before=VALUES, path=st.lists(st.sampled_from("abc01"), min_size=1, max_size=4), value=VALUES)
def test_what_was_set_is_found_there_and_removing_it_takes_it_away(
    before: Any, path: list[str], value: Any
) -> None:
    text = json.dumps(before)
    after = changed(text, set={".".join(path): value})
    if after is None:
        return
    found: Any = json.loads(after)
    for step in path:
        found = found[int(step)] if isinstance(found, list) else found[step]
    assert found == value
    gone = changed(after, remove=[".".join(path)])
    assert gone is not None
    assert changed(text, remove=[".".join(path)], set={".".join(path): value}) is not None


# --- requests -------------------------------------------------------------------------------------


def upload(data: bytes, *, length: int | None = None) -> RequestBody:
    made = body(data, length)
    made.end(None)
    return made


def sent_on(chosen: Policy, data: bytes, headers: dict[str, str]) -> tuple[bytes, Exchange]:
    asked = exchange("POST", headers=headers, request_body=upload(data))
    seen: list[bytes] = []

    async def onward(it: Exchange) -> None:
        assert it.request.body is not None
        seen.append(await it.request.body.read(10**6))
        it.respond(200)

    run(chosen, asked, onward)
    return seen[0], asked


def test_the_request_changes_and_its_length_is_right() -> None:
    digests = {"content-digest": "x", "repr-digest": "x", "digest": "x", "content-md5": "x"}
    data, asked = sent_on(policy(request=SET), b'{"b": 2}', {**JSON, **digests})
    assert data == b'{"b":2,"a":1}'
    assert asked.request.body is not None
    assert asked.request.body.length == len(data)
    assert asked.request.headers == pairs(JSON)


def test_a_request_that_does_not_change_is_left_as_it_is() -> None:
    chosen = policy(request={"remove": ["x"]})
    data, asked = sent_on(chosen, b' {"b" : 2} ', {**JSON, "digest": "x"})
    assert data == b' {"b" : 2} '
    assert asked.request.headers.get(b"digest") == b"x"


@pytest.mark.parametrize(
    ("kind", "touched"),
    [
        ("application/json", True),
        ("Application/JSON ; charset=utf-8", True),
        ("application/problem+json", True),
        ("application/vnd.x.v1+json;a=b", True),
        ("application/json-seq", False),
        ("application/jsonl", False),
        ("text/event-stream", False),
        ("multipart/form-data; boundary=application/json", False),
        ("", False),
    ],
)
def test_only_json_is_looked_at(kind: str, *, touched: bool) -> None:
    chosen = policy(request=SET, response=SET)
    data, _ = sent_on(chosen, b"{}", {"content-type": kind})
    assert data == (b'{"a":1}' if touched else b"{}")
    sent = run(chosen, exchange(), target(200, {"content-type": kind}, b"{}"))
    assert sent.body == data


def test_a_body_without_a_type_or_without_bytes_is_not_looked_at() -> None:
    chosen = policy(request=SET)
    assert sent_on(chosen, b"{}", {})[0] == b"{}"
    assert sent_on(chosen, b"", JSON)[0] == b""
    assert run(chosen, exchange("GET", headers=JSON)).status == 200


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"b": tru}', "the body is no JSON near byte 7"),
        (b'{"b": 1} x', "the body is no JSON near byte 10"),
        (b'{"b": [1', "the body is no JSON near its end"),
        (b"nul", "the body is no JSON near its end"),
        (b'{"a":"\xff"}', "the body is no JSON near byte 6"),
        (b'{"b":' + b"[" * 50_000 + b"]" * 50_000 + b"}", "the body is nested too deeply"),
    ],
)
def test_a_request_that_is_no_json_is_told_where(data: bytes, told: str) -> None:
    asked = exchange("POST", headers=JSON, request_body=upload(data))
    sent = run(policy(request=SET), asked)
    assert sent.status == 400
    assert sent.problem()["detail"] == told
    assert sent.problem()["type"].endswith(":bad-content")


@pytest.mark.parametrize("length", [11, None])
def test_a_request_over_the_bound_is_refused(length: int | None) -> None:
    arriving = upload(b'{"a":12345}', length=length)
    asked = exchange("POST", headers=JSON, request_body=arriving)
    assert run(policy(request=SET, max_size=10), asked).status == 413
    assert sent_on(policy(request=SET, max_size=11), b'{"a":12345}', JSON)[0] == b'{"a":1}'


def test_a_compressed_request_is_passed_on_and_counted() -> None:
    made = parts(MockClock())
    chosen = policy(made, request=SET)
    assert sent_on(chosen, b"\x1f\x8b", {**JSON, "content-encoding": "gzip"})[0] == b"\x1f\x8b"
    assert counted(made, UNTOUCHED, "route:things", "request", "coded") == 1
    assert sent_on(chosen, b"{}", {**JSON, "content-encoding": "identity"})[0] == b'{"a":1}'


# --- responses ------------------------------------------------------------------------------------


def answered(chosen: Policy, headers: dict[str, str], data: bytes, status: int = 200) -> ClientSide:
    return run(chosen, exchange(), target(status, headers, data))


def test_the_response_changes_and_what_was_said_of_its_bytes_goes() -> None:
    told = {**JSON, "etag": '"v1"', "content-digest": "x", "accept-ranges": "bytes", "x-a": "1"}
    sent = answered(policy(response=SET), told, b'{"b":2}')
    assert sent.body == b'{"b":2,"a":1}'
    assert sent.length == len(sent.body)
    assert sent.headers == pairs({**JSON, "etag": 'W/"v1"', "x-a": "1"})


@pytest.mark.parametrize("status", [201, 404, 500])
def test_errors_of_the_service_change_as_well(status: int) -> None:
    assert answered(policy(response=SET), JSON, b"{}", status).body == b'{"a":1}'


def test_answers_of_the_gateway_do_not_change() -> None:
    async def refuse(asked: Exchange) -> None:
        asked.respond(403, pairs(JSON), b"{}")

    assert run(policy(response=SET), exchange(), refuse).body == b"{}"


def test_a_weak_tag_stays_weak_and_an_unchanged_response_keeps_all() -> None:
    assert (
        answered(policy(response=SET), {**JSON, "etag": 'W/"v"'}, b"{}").header("etag") == 'W/"v"'
    )
    told = {**JSON, "etag": '"v"', "digest": "x"}
    sent = answered(policy(response={"remove": ["x"]}), told, b' {"b": 2}')
    assert (sent.headers, sent.body) == (pairs(told), b' {"b": 2}')


def test_the_service_is_asked_for_plain_whole_bodies() -> None:
    given = {"accept-encoding": "gzip, br", "range": "bytes=0-9", "if-range": '"v"', "x-a": "1"}
    asked = exchange(headers=given)
    run(policy(response=SET), asked)
    assert asked.request.headers == pairs({"x-a": "1", "accept-encoding": "identity"})
    other = exchange(headers=given)
    run(policy(request=SET), other)
    assert other.request.headers == pairs(given)


@pytest.mark.parametrize(
    ("headers", "data", "status", "reason"),
    [
        ({**JSON, "content-encoding": "gzip"}, b"\x1f\x8b", 200, "coded"),
        (JSON, b"<html>", 200, "malformed"),
        (JSON, b'{"b"', 200, "malformed"),
        ({**JSON, "content-range": "bytes 0-1/9"}, b"{}", 206, "partial"),
    ],
)
def test_what_cannot_be_changed_is_passed_on_and_counted(
    headers: dict[str, str], data: bytes, status: int, reason: str
) -> None:
    made = parts(MockClock())
    sent = answered(policy(made, response=SET), headers, data, status)
    assert (sent.status, sent.body, sent.headers) == (status, data, pairs(headers))
    assert counted(made, UNTOUCHED, "route:things", "response", reason) == 1


def test_an_empty_response_and_304_stay_as_they_are() -> None:
    made = parts(MockClock())
    told = {**JSON, "etag": '"v"'}
    assert answered(policy(made, response=SET), told, b"").headers == pairs(told)
    assert answered(policy(made, response=SET), told, b"", 304).headers == pairs(told)
    assert counted(made, UNTOUCHED, "route:things", "response", "malformed") == 0


def test_head_is_told_nothing_that_get_would_not_keep() -> None:
    async def answer(asked: Exchange) -> None:
        told = Headers(pairs({**JSON, "etag": '"v"'}))
        asked.head(Response(200, told, 7), None)
        asked.end(None)
        await asked.finish_whole()

    sent = run(policy(response=SET), exchange("HEAD"), answer)
    assert sent.length is None
    assert sent.headers == pairs({**JSON, "etag": 'W/"v"'})
    assert sent.ended


def test_streams_are_not_held_back() -> None:
    async def answer(asked: Exchange) -> None:
        told = Headers([(b"content-type", b"text/event-stream")])
        asked.head(Response(200, told, None), None)
        asked.chunk(b"data: 1\n\n")
        assert asked.sink.body == b"data: 1\n\n"  # type: ignore[attr-defined]
        asked.end(None)

    assert run(policy(response=SET, max_size=1), exchange(), answer).ended
