from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.exchange import Exchange
from sluicegate.journey.cache import call_keys
from sluicegate.journey.cache.call_keys import CallKeys, plain
from sluicegate.model.model import Model
from sluicegate.model.units import convert
from support.cached_calls import BODY, call
from support.exchanges import body as request_body

OTHER = convert({"deployments": [{"provider": "p", "model": "other"}]}, Model)


def key(
    asked: Exchange, *, vary: tuple[bytes, ...] = (), shared: bool = False, tools: bool = False
) -> bytes | None:
    assert asked.call is not None
    return asyncio.run(CallKeys(vary, shared=shared, tools=tools).of(asked, asked.call))


def same(one: Exchange, other: Exchange, **options: Any) -> bool:
    first = key(one, **options)
    assert first is not None
    assert len(first) == 32
    return first == key(other, **options)


def test_a_body_is_compared_by_what_it_says() -> None:
    written = b'{ "messages":[{"content":"h\\u0069","role":"user"}] , "model":"m","stream":false}'
    assert same(call(), call(written))
    assert same(call(), call(BODY | {"user": "u", "metadata": {"a": "b"}, "prompt_cache_key": "k"}))
    assert same(call(), call(BODY | {"stream_options": {"include_usage": True}}))


def test_bytes_that_were_read_before_are_the_same_call_again() -> None:
    keys = CallKeys((), shared=False, tools=False)

    def of(asked: Exchange) -> bytes | None:
        assert asked.call is not None
        return asyncio.run(keys.of(asked, asked.call))

    one = call()
    assert of(one) == of(call()) == key(one) is not None
    assert of(call(consumer="bob")) == key(call(consumer="bob")) != of(one)
    tools = call(BODY | {"tools": [{}]})
    assert of(tools) is of(tools) is None


def test_no_more_bodies_are_remembered_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_keys, "MOST_BODIES", 1)
    keys = CallKeys((), shared=False, tools=False)
    for asked in (call(), call(BODY | {"n": 2}), call()):
        assert asked.call is not None
        assert asyncio.run(keys.of(asked, asked.call)) == key(asked)


@pytest.mark.parametrize(
    "other",
    [
        {"temperature": 1},
        {"messages": [{"role": "user", "content": "Hi"}]},
        {"messages": []},
        {"seed": None},
        {"n": 2},
        {"service_tier": "flex"},
    ],
)
def test_what_says_something_of_the_answer_makes_another_key(other: dict[str, Any]) -> None:
    assert not same(call(), call(BODY | other))


def test_callers_models_streams_and_dialects_are_kept_apart() -> None:
    assert not same(call(), call(consumer="bob"))
    assert not same(call(), call(consumer=None))
    assert not same(call(), call(config=OTHER))
    assert not same(call(), call(dialect="anthropic_messages"))
    streamed = call(BODY | {"stream": True}, stream=True)
    assert not same(call(), streamed)
    with_usage = BODY | {"stream": True, "stream_options": {"include_usage": True}}
    assert not same(streamed, call(with_usage, stream=True))


def test_callers_share_where_the_policy_says_so() -> None:
    assert same(call(), call(consumer="bob"), shared=True)
    assert same(call(), call(consumer=None), shared=True)


def test_headers_count_that_providers_get_or_the_policy_names() -> None:
    beta, title = call(headers={"anthropic-beta": "b"}), call(headers={"x-title": "t"})
    language = call(headers={"accept-language": "de"})
    assert not same(call(), beta)
    assert same(call(), title)
    assert same(call(), language)
    assert not same(call(), language, vary=(b"accept-language",))


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [{"type": "function"}]},
        {"functions": [{"name": "f"}]},
        {"store": True},
        {"previous_response_id": "resp_1"},
    ],
)
def test_what_does_something_elsewhere_is_like_no_other(more: dict[str, Any]) -> None:
    assert key(call(BODY | more)) is None
    is_tool = "tools" in more or "functions" in more
    assert (key(call(BODY | more), tools=True) is not None) is is_tool
    assert key(call(BODY | dict.fromkeys(more))) is not None


def test_a_response_is_stored_unless_told_otherwise() -> None:
    body = {"model": "m", "input": "hi"}
    assert key(call(body, dialect="openai_responses")) is None
    assert key(call(body | {"store": False}, dialect="openai_responses")) is not None
    private = body | {"store": False, "metadata": {"who": "ann"}}
    assert not same(
        call(body | {"store": False}, dialect="openai_responses"),
        call(private, dialect="openai_responses"),
    )  # it is repeated in the answer


def test_a_body_that_a_policy_has_changed_is_the_one_that_counts() -> None:
    asked = call()
    changed = request_body(b"before", length=6)
    changed.end(None)
    asyncio.run(changed.read(100))
    changed.replace(json.dumps(BODY | {"temperature": 0}).encode())
    asked.request.body = changed
    assert same(call(BODY | {"temperature": 0}), asked)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","messages":[{"content":"a","content":"b"}]}',
        b'{"model":"m","model":"m"}',
        b'{"model":"m","model":"n","model":"m"}',
        b'{"a":1e400}',
        b"[]",
        b"{",
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_a_body_that_two_readers_may_read_differently_has_no_key(body: bytes) -> None:
    assert plain(body) is None


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), Json, max_size=4), st.randoms())
def test_order_space_and_escapes_make_no_difference(said: dict[str, Any], random: Any) -> None:
    try:
        compact = msgspec.json.encode(said)
        msgspec.json.decode(compact)
    except (msgspec.MsgspecError, ValueError):  # no UTF-8
        return
    if json.loads(compact) != said:  # a float that is infinite
        return
    items = list(said.items())
    random.shuffle(items)
    written = json.dumps(dict(items), indent=1).encode()
    assert plain(compact) == plain(written)
