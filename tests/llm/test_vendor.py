"""A provider made of facts: what the configuration changes, and what becomes of bodies."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.dialect import Outgoing
from sluicegate.llm.provider import Place
from sluicegate.llm.vendor import CHAT, EMBEDDINGS, RESPONSES, Vendor, rewritten
from support.links import settings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def vendor(**facts: Any) -> Vendor:
    return Vendor(**{"kind": "v", "url": "https://v.example.com/v1", "places": CHAT, **facts})


def fit(made: Vendor, body: bytes) -> bytes:
    return made.fit("openai_chat", Outgoing(body), model="m", stream=False).body


def test_a_url_of_ones_own_wins_over_the_vendors_and_has_no_slash_behind() -> None:
    assert vendor().base(settings("openai")) == "https://v.example.com/v1"
    assert vendor().base(settings("openai", url="http://h:1/a")) == "http://h:1/a"
    regional = vendor(url="https://{region}.v.example.com")
    assert regional.base(settings("openai", region="eu")) == "https://eu.v.example.com"


def test_the_operators_dialects_are_spoken_in_the_operators_order() -> None:
    made = vendor(places={**CHAT, **EMBEDDINGS}, extra_places=RESPONSES)
    assert list(made.spoken(settings("openai"))) == ["openai_chat", "openai_embeddings"]
    asked = settings("openai", dialects=["openai_responses", "openai_chat", "unknown"])
    assert list(made.spoken(asked)) == ["openai_responses", "openai_chat"]
    assert made.spoken(asked)["openai_chat"] == Place("/chat/completions")
    ((field, message),) = made.check(asked)
    assert field == "dialects"
    assert message == "found `unknown`; `v` speaks openai_chat, openai_embeddings, openai_responses"


def test_a_body_that_needs_no_change_keeps_its_bytes() -> None:
    made = vendor(renamed={"a": "b"}, needless=("c",), as_system=True)
    odd = b'{ "model" : "m", "n": 1.0e2, "messages":[ {"role":"user"} ] }'
    assert fit(made, odd) == odd
    assert fit(vendor(), odd) == odd


def test_a_new_name_that_is_there_already_wins() -> None:
    made = vendor(renamed={"a": "b"})
    assert json.loads(fit(made, b'{"a":1,"b":2}')) == {"b": 2}


def test_only_the_role_makes_a_developer() -> None:
    made = vendor(as_system=True)
    messages = [
        {"role": "developer", "content": '"developer"'},
        {"role": "user", "content": "developer", "name": "developer"},
    ]
    told = json.loads(fit(made, json.dumps({"messages": messages}).encode()))
    assert [each["role"] for each in told["messages"]] == ["system", "user"]
    assert told["messages"][0]["content"] == '"developer"'


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=5))
def test_what_a_change_does_not_touch_stays_what_it_was(body: dict[str, Any]) -> None:
    def add(fields: dict[str, msgspec.Raw]) -> bool:
        fields["added"] = msgspec.Raw(b"1")
        return True

    told = rewritten(json.dumps(body).encode(), add)
    assert json.loads(told) == {**body, "added": 1}


@given(st.binary(max_size=60))
def test_what_is_no_object_passes_as_it_is(body: bytes) -> None:
    made = vendor(renamed={"a": "b"}, as_system=True)
    try:
        is_object = isinstance(json.loads(body), dict)
    except ValueError:
        is_object = False
    if not is_object:
        assert fit(made, body) == body


def test_streams_of_openais_are_asked_for_their_usage_unless_the_vendor_has_other_ways() -> None:
    config = settings("openai")
    assert vendor().asks_usage("openai_chat", config)
    assert vendor().asks_usage("openai_completions", config)
    assert not vendor().asks_usage("openai_responses", config)
    assert not vendor().asks_usage("anthropic_messages", config)
    assert not vendor(usage_asked=False).asks_usage("openai_chat", config)
