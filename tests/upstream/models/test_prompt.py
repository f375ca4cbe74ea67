from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.upstream.models.prompt import sticky_key_of
from support.exchanges import exchange

MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def key(by: str, body: dict[str, Any], **more: Any) -> int | None:
    asked = exchange(headers=more.get("headers", {}))
    asked.consumer_name = more.get("consumer")
    asked.key_id = more.get("key")
    return sticky_key_of(by)(asked, MEMBERS.decode(json.dumps(body)))


def turn(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}


FIRST, REPLY, MORE = turn("user", "Hi"), turn("assistant", "Hello"), turn("user", "More")
CONVERSATIONS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (
        {"messages": [turn("system", "Be brief."), FIRST]},
        {"messages": [turn("system", "Be brief."), FIRST, REPLY, MORE]},
        {"messages": [turn("system", "Be long."), FIRST]},
    ),
    (
        {"messages": [turn("developer", "A"), turn("system", "B"), FIRST], "model": "x"},
        {"messages": [turn("developer", "A"), turn("system", "B"), FIRST, REPLY], "model": "y"},
        {"messages": [turn("developer", "A"), turn("system", "C"), FIRST]},
    ),
    (
        {"system": [{"type": "text", "text": "A"}], "messages": [FIRST]},
        {"system": [{"type": "text", "text": "A"}], "messages": [FIRST, REPLY, MORE]},
        {"system": [{"type": "text", "text": "B"}], "messages": [FIRST]},
    ),
    (
        {"instructions": "A", "input": "Hi", "temperature": 1},
        {"instructions": "A", "input": "Hi", "temperature": 0},
        {"instructions": "B", "input": "Hi"},
    ),
    (
        {"systemInstruction": {"parts": []}, "contents": [{"parts": [{"text": "a"}]}]},
        {"systemInstruction": {"parts": []}, "contents": [{"parts": [{"text": "a"}]}, {}]},
        {"systemInstruction": {"parts": []}, "contents": [{"parts": [{"text": "b"}]}]},
    ),
    ({"messages": [FIRST], "tools": [1]}, {"messages": [FIRST, MORE], "tools": [1]}, {"tools": []}),
]


@pytest.mark.parametrize(("first", "later", "other"), CONVERSATIONS)
def test_all_turns_of_a_conversation_have_one_key_and_another_has_another(
    first: dict[str, Any], later: dict[str, Any], other: dict[str, Any]
) -> None:
    assert key("prompt", first) is not None
    assert key("prompt", first) == key("prompt", later)
    assert key("prompt", first) != key("prompt", other)


def test_a_call_that_says_nothing_has_no_key() -> None:
    assert key("prompt", {"model": "x"}) is None


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@pytest.mark.parametrize("by", ["prompt", "user"])
def test_members_of_any_shape_raise_nothing(by: str) -> None:
    names = ["messages", "input", "contents", "system", "user", "metadata", "prompt_cache_key"]

    @given(st.dictionaries(st.sampled_from(names), ANYTHING))
    def check(body: dict[str, Any]) -> None:
        found = key(by, body)
        assert found is None or 0 <= found < 2**64

    check()


def test_text_that_is_no_utf8_is_left_to_the_reader_of_the_dialect() -> None:
    fields = {"user": msgspec.Raw(b'"\xff"'), "messages": msgspec.Raw(b'[{"role":"\xff"}]')}
    assert sticky_key_of("user")(exchange(), fields) is None
    assert sticky_key_of("prompt")(exchange(), fields) is not None


def test_a_call_says_who_it_is_for() -> None:
    ann = key("user", {"user": "ann"})
    assert ann is not None
    assert key("user", {"prompt_cache_key": "ann"}) == ann
    assert key("user", {"metadata": {"user_id": "ann", "more": 1}}) == ann
    assert key("user", {"user": "ann", "prompt_cache_key": "x"}) == ann
    assert key("user", {"user": "bob"}) != ann
    assert key("user", {"user": ""}) is key("user", {"metadata": {}}) is key("user", {}) is None


def test_callers_and_headers_keep_calls_together_too() -> None:
    assert key("consumer", {}, consumer="ann") == key("consumer", {"user": "b"}, consumer="ann")
    assert key("consumer", {}, consumer="ann") != key("consumer", {}, consumer="bob")
    assert key("key", {}, key="k1") != key("key", {}, key="k2")
    assert key("header:X-Chat", {}, headers={"x-chat": "1"}) is not None
    for by in ("consumer", "key", "header:x-chat"):
        assert key(by, {}) is None
