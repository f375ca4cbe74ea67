"""Usage that the caller of a stream has not asked for: asked, read, and taken out again."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.llm.canonical import Event, Used
from sluicegate.llm.dialect import Frame
from sluicegate.llm.dialects import find
from sluicegate.llm.stream_usage import STREAMS, asking, without_usage
from support.effort import EXAMPLES
from support.llm_goldens import golden

USED = b'{"prompt_tokens":12,"completion_tokens":9,"total_tokens":21,"x":{"y":[1]}}'
COMPACT = (",", ":")
SPACED = (", ", ": ")
KEYS = st.sampled_from(["usage", 'a"usage', "id", "choices", "x"]) | st.text(max_size=4)
JSON = st.recursive(
    st.none() | st.integers(-9, 9) | st.text('us age}{][\\",:é', max_size=12) | st.just("usage"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def asked(text: str) -> Any:
    """Return what is sent as `stream_options` for what a caller says of it."""
    said = asking(msgspec.json.decode(f'{{"stream_options":{text}}}', type=dict[str, msgspec.Raw]))
    return None if said is None else json.loads(said)


def taken_out(stream: bytes, dialect: str = "openai_chat") -> tuple[bytes, list[Event]]:
    """Return what passes of a stream, and all that it says."""
    framing, reader = find(dialect).framing(), find(dialect).reader()
    passed, said = b"", []
    for frame in framing.feed(stream):
        events = reader.read(frame)
        said += events
        passed += without_usage(frame, events)
    reader.end()
    return passed, said


def passed(data: bytes, *events: Event) -> bytes:
    """Return what passes of one frame."""
    return without_usage(Frame(b"data: " + data + b"\n\n", "", data), events)


def alone(data: bytes) -> bytes:
    """Return what passes of a frame, without its framing."""
    return passed(data).removeprefix(b"data: ").removesuffix(b"\n\n")


# --- asking --------------------------------------------------------------------------------------


def test_who_says_nothing_of_usage_is_asked_for_all_the_same() -> None:
    assert asking({}) == b'{"include_usage":true}'
    assert asked("null") == {"include_usage": True}
    assert asked("{}") == {"include_usage": True}
    assert asked('{"include_usage":false}') == {"include_usage": True}
    assert asked('{"include_obfuscation":false,"include_usage":null}') == {
        "include_obfuscation": False,
        "include_usage": True,
    }


@pytest.mark.parametrize("text", ['{"include_usage":true}', '{"include_usage": true, "a": 1}'])
def test_who_asks_gets_what_it_asked_for(text: str) -> None:
    assert asked(text) is None


@pytest.mark.parametrize("text", ["[]", "7", '"x"', '{"include_usage":1}', '{"include_usage":"f"}'])
def test_what_is_wrong_is_the_providers_to_say(text: str) -> None:
    assert asked(text) is None


def test_data_of_ones_own_at_azure_takes_no_options_beside() -> None:
    assert asking({"data_sources": msgspec.Raw(b"[]")}) is None


# --- taking out ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", sorted(STREAMS))
def test_a_stream_is_as_it_would_have_been_unasked(dialect: str) -> None:
    stream = golden(dialect, "text.stream")
    assert b'"usage":null' in stream
    frames = stream.split(b"\n\n")
    unasked = [frame.replace(b',"usage":null', b"") for frame in frames]
    (count,) = [frame for frame in unasked if b'"usage"' in frame]
    unasked.remove(count)
    kept, events = taken_out(stream, dialect)
    assert kept == b"\n\n".join(unasked)
    (used,) = [event.usage for event in events if isinstance(event, Used)]
    assert (used.input, used.output) == (12, 9)


def test_usage_that_stands_before_the_choices_is_taken_out_as_well() -> None:
    assert alone(b'{"id":"a","usage":null,"choices":[{"delta":{}}]}') == (
        b'{"id":"a","choices":[{"delta":{}}]}'
    )
    assert alone(b'{"usage":null,"choices":[{"x":"}"}]}') == b'{"choices":[{"x":"}"}]}'
    assert alone(b'{ "usage" : null }') == b"{ }"


def test_spaces_are_no_matter() -> None:
    assert alone(b'{"choices": [{"a": 1}], "usage": null, "b": "c"}') == (
        b'{"choices": [{"a": 1}], "b": "c"}'
    )
    assert alone(b'{"choices":[{"a":1}] ,\t"usage" :null, "b":"}"}') == (
        b'{"choices":[{"a":1}] , "b":"}"}'
    )


@pytest.mark.parametrize(
    "data",
    [
        b'{"choices":[{"delta":{"content":"say \\",\\"usage\\":null please"}}]}',
        b'{"choices":[{"delta":{"content":"usage"},"usage":null}]}',
        b'{"choices":[{"delta":{"content":1,"usage":null}}],"x":{"a":1,"usage":null},"b":{}}',
        b'{"a":{"usage":null}}',
        b'{"a":["usage",null],"b":"usage","c\\"usage":null}',
        b'{"usage":{"prompt_tokens":1}}',
        b"[DONE]",
    ],
)
def test_what_is_not_the_chunks_own_stays(data: bytes) -> None:
    assert alone(data) == data


def test_a_comment_stays() -> None:
    assert without_usage(Frame(b': "usage":null\n\n', "", b""), ()) == b': "usage":null\n\n'


@given(st.dictionaries(KEYS, JSON, max_size=5), st.integers(0, 5), st.sampled_from([0, 1]))
@settings(max_examples=EXAMPLES)
def test_only_the_member_goes_whatever_stands_around_it(
    members: dict[str, Any], place: int, spaced: int
) -> None:
    """Its place is any, and the rest says what it said, in its order, byte for byte."""
    members.pop("usage", None)
    pairs = [*members.items()]
    pairs.insert(place, ("usage", None))
    marks = SPACED if spaced else COMPACT
    kept = alone(json.dumps(dict(pairs), separators=marks, ensure_ascii=False).encode())
    expected = json.dumps(members, separators=marks, ensure_ascii=False).encode()
    assert kept.replace(b"{ ", b"{") == expected.replace(b"{ ", b"{")


# --- the count -----------------------------------------------------------------------------------


def count(**others: Any) -> bytes:
    said = {"id": "i", "object": "chat.completion.chunk", "choices": [], **others}
    return json.dumps(said, separators=COMPACT).encode()[:-1] + b',"usage":' + USED + b"}"


def read(data: bytes) -> list[Event]:
    return list(find("openai_chat").reader().read(Frame(b"", "", data)))


@pytest.mark.parametrize(
    "others",
    [
        {},
        {"choices": None},
        {"x_groq": {"id": "a"}, "obfuscation": "abc", "service_tier": "default"},
        {"timings": {"prompt_n": 1}},
        {"prompt_token_ids": None, "metadata": {}},
    ],
)
def test_a_chunk_that_says_only_what_was_used_is_dropped(others: dict[str, Any]) -> None:
    data = count(**others)
    assert passed(data, *read(data)) == b""


def test_a_count_without_choices_at_all_is_dropped_too() -> None:
    data = b'{"id":"i","usage":' + USED + b"}"
    assert passed(data, *read(data)) == b""


def test_a_chunk_that_says_more_stays_without_the_count() -> None:
    data = count(moderation={"input": 1})
    assert json.loads(passed(data, *read(data))[6:]) == {
        "id": "i",
        "object": "chat.completion.chunk",
        "choices": [],
        "moderation": {"input": 1},
    }


def test_usage_beside_a_choice_was_not_asked_for_and_stays() -> None:
    last = {"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}
    data = count(choices=[last])
    assert passed(data, *read(data)) == b"data: " + data + b"\n\n"


def test_bytes_that_no_reader_has_looked_at_do_no_harm() -> None:
    data = b'{"\xff":1,"choices":[],"usage":' + USED + b"}"
    assert passed(data, *read(data)) == b"data: " + data + b"\n\n"
