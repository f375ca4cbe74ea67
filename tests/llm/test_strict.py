from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.failure import CallError, Failure
from sluicegate.llm.strict import read_strict


class Text(msgspec.Struct, tag_field="type", tag="text", forbid_unknown_fields=True):
    text: str


class Number(msgspec.Struct, tag_field="type", tag="number", forbid_unknown_fields=True):
    number: int


class Message(msgspec.Struct, forbid_unknown_fields=True):
    content: str | list[Text | Number]
    bias: dict[str, float] | None = None
    anything: Any = None


class Call(msgspec.Struct, forbid_unknown_fields=True):
    messages: list[Message]


DECODER = msgspec.json.Decoder(Call)


def body(*contents: Any, **fields: Any) -> bytes:
    return json.dumps({"messages": [{"content": one} for one in contents], **fields}).encode()


def fault(data: bytes, *, drop: bool = False) -> Failure:
    with pytest.raises(CallError) as caught:
        read_strict(DECODER, data, drop)
    return caught.value.failure


def test_what_is_right_is_read_and_nothing_was_dropped() -> None:
    assert read_strict(DECODER, body("a")) == (Call([Message("a")]), [])


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (7, "messages[2].content"),
        ([{"type": "text", "text": "a"}, {"type": "number", "number": "x"}], "[1].number"),
        ([{"type": "text", "text": "a"}, {"type": "nothing"}], "messages[2].content[1].type"),
        ([{"text": "a"}], "messages[2].content[0].type"),
        ([{"type": "text"}], "messages[2].content[0].text"),
    ],
)
def test_a_fault_is_named_by_its_whole_path(content: Any, field: str) -> None:
    failure = fault(body("a", [{"type": "number", "number": 1}], content, "b", 7))
    assert failure.field is not None
    assert failure.field.endswith(field)
    assert failure.kind == "invalid_request"
    assert failure.status == 400


def test_a_fault_in_a_map_is_named_by_its_key() -> None:
    data = json.dumps({"messages": [{"content": "a", "bias": {"k": 1, "b.c": "x"}}]}).encode()
    assert fault(data).field == "messages[0].bias.b.c"


def test_an_unknown_field_is_refused_or_dropped_wherever_it_stands() -> None:
    data = body("a", [{"type": "text", "text": "b", "odd": 1}], more=2)
    assert fault(data).field == "messages[1].content[0].odd"
    read, dropped = read_strict(DECODER, data, True)
    assert dropped == ["messages[1].content[0].odd", "more"]
    assert read == Call([Message("a"), Message([Text("b")])])


def test_only_what_is_unknown_is_dropped() -> None:
    assert fault(body("a", 7, more=2), drop=True).field == "messages[1].content"


def test_what_may_be_anything_holds_no_unknown_field() -> None:
    data = json.dumps({"messages": [{"content": "a", "anything": {"x": {"y": 1}}}]}).encode()
    assert read_strict(DECODER, data)[0].messages[0].anything == {"x": {"y": 1}}


def test_no_value_of_the_caller_is_quoted() -> None:
    failure = fault(body([{"type": "a secret", "text": "b"}]))
    assert "secret" not in failure.message


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b'{"messages":"\xff"}',
        b"[" * 100000,
        b'{"x":"\\ud800"}',
        b"1e999",
        b'{"messages":[],"n":%b}' % (b"9" * 5000),
        b'{"messages":[],"n":1e999}',
    ],
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    assert fault(data).field is None


def test_many_messages_with_many_faults_take_one_look() -> None:
    messages = [{"content": [{"type": "text", "text": "a", "odd": i}]} for i in range(5000)]
    data = json.dumps({"messages": messages}).encode()
    assert len(read_strict(DECODER, data, True)[1]) == 5000
    messages[4321]["content"][0]["text"] = 1  # type: ignore[index]
    assert fault(json.dumps({"messages": messages}).encode(), drop=True).field == (
        "messages[4321].content[0].text"
    )


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["content", "type", "text", "a.b", "[0]"]), inner)
    ),
    max_leaves=8,
)


@given(JSON, st.booleans())
def test_whatever_comes_is_read_or_refused(value: Any, drop: bool) -> None:  # noqa: FBT001 - drawn
    data = json.dumps({"messages": [value, {"content": value}]}).encode()
    with suppress(CallError):
        assert isinstance(read_strict(DECODER, data, drop)[0], Call)
