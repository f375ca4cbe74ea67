"""What every dialect keeps, whoever's it is: one suite, found by folder."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.llm import dialects
from sluicegate.llm.canonical import (
    Ended,
    Failed,
    Format,
    Media,
    Message,
    Refusal,
    Request,
    Stop,
    Text,
    ToolChoice,
)
from sluicegate.llm.dialect import Dialect, Incoming
from sluicegate.llm.failure import CallError, Failure, Malformed
from sluicegate.llm.losses import Losses
from sluicegate.llm.statuses import STATUS, kind_of
from support.effort import THOROUGH
from support.llm_goldens import (
    ERRORS,
    GOLDEN,
    SCENARIOS,
    USAGES,
    answer_of,
    bare,
    chat_dialects,
    events_of,
    gist,
    golden,
    goldens,
    parts_of,
    plain_stop,
    stream_of,
)
from support.llm_samples import answers, request, requests

CHAT = chat_dialects()
ALL = dialects.names()
COUNTING = [name for name in ALL if name.endswith("_count_tokens")]
FEW = settings(max_examples=500 if THOROUGH else 15, deadline=None)
REQUESTS, ANSWERS = requests(), answers()
UNSAID = {
    "content_filter": {"content_filter", "refusal"},
}
"""Reasons that some dialects have one word for."""
NOT_THERE = {
    "openai_responses/stop_sequence.request.json",  # there is no parameter for them
    "cohere_chat/errors/content_filter.json",  # it answers instead
}
"""Goldens that there cannot be."""
UNCOUNTED = {"cohere_chat"}
"""Dialects that do not count what is written to a cache."""


def incoming(body: bytes, asked: Request) -> Incoming:
    return Incoming(body, model=asked.model, stream=asked.stream)


# --- requests ------------------------------------------------------------------------------------


def test_the_samples_set_every_field_of_a_request() -> None:
    plain = Request(dialect="", model="", messages=[])
    left = {
        name
        for name in Request.__struct_fields__
        if all(getattr(one, name) == getattr(plain, name) for one in REQUESTS.values())
    }
    assert not left


@pytest.mark.parametrize("sample", REQUESTS)
@pytest.mark.parametrize("name", CHAT)
def test_a_call_reads_as_it_was_written_or_a_loss_is_named(name: str, sample: str) -> None:
    dialect, asked = dialects.find(name), REQUESTS[sample]
    losses = Losses({}, name)
    body = dialect.write_request(asked, losses).body
    if losses.lost or losses.fatal or losses.dropped:
        assert all([*losses.lost, *losses.fatal, *losses.dropped]), "a loss has a name"
        return
    read, dropped = dialect.read_request(incoming(body, asked))
    assert not dropped
    assert bare(comparable(read, asked)) == bare(comparable(asked, asked))


def comparable(read: Request, asked: Request) -> Request:
    """Return a call without what a dialect says on its own account."""
    copy = Request(**{name: getattr(read, name) for name in Request.__struct_fields__})
    copy.stream_usage = asked.stream_usage
    copy.messages = [one for message in read.messages for one in split(message)]
    choice = copy.tool_choice
    if choice is not None and choice.mode == "auto":
        copy.tool_choice = None
    elif choice is not None and choice.names == [tool.name for tool in read.tools]:
        copy.tool_choice = ToolChoice(mode="required")
    if copy.format is not None and asked.format is not None:
        # A schema's name and whether it is meant strictly are not everywhere to be said.
        copy.format = Format(kind=copy.format.kind, schema=copy.format.schema)
    if asked.reasoning is not None:
        # Words and budgets are translated into each other.
        assert copy.reasoning is not None
        copy.reasoning = asked.reasoning
    return copy


def split(message: Message) -> list[Message]:
    """Return a message, or one for each result of a tool, without what is said in other ways.

    A result's name is anybody's guess, a refusal of before is text, a file's name is spelled.
    """
    if message.role != "tool":
        parts = [
            Text(text=part.text)
            if isinstance(part, Refusal)
            else msgspec.structs.replace(part, name="")
            if isinstance(part, Media)
            else part
            for part in message.parts
        ]
        return [msgspec.structs.replace(message, parts=parts)]
    named = [msgspec.structs.replace(part, name="") for part in message.parts]
    return [Message(role="tool", parts=[part]) for part in named]


@pytest.mark.parametrize("name", CHAT)
def test_a_call_can_be_written_twice(name: str) -> None:
    dialect = dialects.find(name)
    for asked in REQUESTS.values():
        first = dialect.write_request(asked, Losses({}, name))
        assert dialect.write_request(asked, Losses({}, name)) == first


@pytest.mark.parametrize("sample", ["video", "opaque"])
@pytest.mark.parametrize("name", CHAT)
def test_content_that_cannot_be_said_is_never_dropped(name: str, sample: str) -> None:
    losses = Losses({}, name)
    body = dialects.find(name).write_request(REQUESTS[sample], losses).body
    if sample == "video" and b"AAAA" in body:
        return  # this one takes films
    with pytest.raises(CallError) as caught:
        losses.settle(drop=True)
    assert caught.value.failure.status == 400


@pytest.mark.parametrize("name", CHAT)
def test_a_field_that_nobody_knows_is_refused_by_name_or_dropped(name: str) -> None:
    dialect = dialects.find(name)
    body = json.loads(dialect.write_request(request(), Losses({}, name)).body)
    odd = json.dumps({**body, "nobody_knows": 1}).encode()
    with pytest.raises(CallError) as caught:
        dialect.read_request(incoming(odd, request()))
    assert caught.value.failure.field == "nobody_knows"
    assert caught.value.failure.kind == "invalid_request"
    assert dialect.read_request(incoming(odd, request()), drop=True)[1] == ["nobody_knows"]


@pytest.mark.parametrize(("name", "file"), goldens("*.request.json"))
def test_a_call_of_the_official_sdk_is_read_and_says_the_same_elsewhere(
    name: str, file: str
) -> None:
    dialect = dialects.find(name)
    if name in COUNTING:
        assert gist(dialect.read_request(Incoming(golden(name, file)))[0].messages[-1].parts)
        return
    if name not in CHAT:
        with pytest.raises(CallError, match="is not translated"):
            dialect.read_request(Incoming(golden(name, file)))
        return
    read, _ = dialect.read_request(Incoming(golden(name, file), model="scenario-x"))
    for other in CHAT:
        target = dialects.find(other)
        losses = Losses(dialect.names, other)
        body = target.write_request(read, losses).body
        losses.settle(drop=True)
        again, _ = target.read_request(incoming(body, read))
        said = [gist(message.parts) for message in read.messages]
        assert [one for one in said if any(one)] == [
            one for one in (gist(message.parts) for message in again.messages) if any(one)
        ]


# --- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", ANSWERS)
@pytest.mark.parametrize("name", CHAT)
def test_an_answer_reads_as_it_was_written(name: str, sample: str) -> None:
    dialect, answer = dialects.find(name), ANSWERS[sample]
    body = dialect.write_answer(answer, request())
    read = dialect.read_answer(body)
    assert gist(read.choices[0].parts) == gist(answer.choices[0].parts)
    assert same_stop(read.choices[0].stop, answer.choices[0].stop)
    assert tokens(read.usage, name) == tokens(answer.usage, name)
    assert dialect.measure(body) == read.usage


def same_stop(one: Stop, other: Stop) -> bool:
    alike = UNSAID.get(other.reason, {other.reason})
    return one.reason in alike or plain_stop(one) == plain_stop(other)


def tokens(usage: Any, name: str) -> tuple[int, ...]:
    written = 0 if name in UNCOUNTED else usage.cache_write
    return (usage.input, usage.output, usage.cached, written)


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("name", CHAT)
def test_a_scenario_says_the_same_in_every_dialect(name: str, scenario: str) -> None:
    dialect = dialects.find(name)
    body = golden(name, f"{scenario}.response.json")
    answer = dialect.read_answer(body)
    streamed = answer_of(events_of(dialect, golden(name, f"{scenario}.stream")))
    for one in (answer, streamed):
        text, thinking, calls, stop = SCENARIOS[scenario]
        assert gist(one.choices[0].parts) == (text, thinking, calls)
        assert plain_stop(one.choices[0].stop) == stop
        assert one.usage is not None
        if scenario in USAGES:
            usage = one.usage
            said = (usage.input, usage.output, usage.cached)
            assert said == USAGES[scenario][:3]
            assert usage.reasoning in {0, USAGES[scenario][3]}
    assert (streamed.id, streamed.choices[0].stop) == (answer.id, answer.choices[0].stop)
    assert dialect.measure(body) == answer.usage == streamed.usage


@pytest.mark.parametrize("name", CHAT)
def test_a_filtered_answer_says_so(name: str) -> None:
    dialect = dialects.find(name)
    answer = dialect.read_answer(golden(name, "content_filter.response.json"))
    assert answer.choices[0].stop.reason in {"content_filter", "refusal"}
    streamed = answer_of(events_of(dialect, golden(name, "content_filter.stream")))
    assert streamed.choices[0].stop == answer.choices[0].stop
    assert gist(streamed.choices[0].parts) == gist(answer.choices[0].parts)


# --- streams -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", ANSWERS)
@pytest.mark.parametrize("name", CHAT)
def test_a_stream_reads_as_it_was_written(name: str, sample: str) -> None:
    dialect, answer = dialects.find(name), ANSWERS[sample]
    writer = dialect.writer(request(stream=True, stream_usage=True))
    data = b"".join(writer.write([event]) for event in stream_of(answer))
    read = answer_of(events_of(dialect, data))
    assert gist(read.choices[0].parts) == gist(answer.choices[0].parts)
    assert same_stop(read.choices[0].stop, answer.choices[0].stop)
    assert tokens(read.usage, name) == tokens(answer.usage, name)


@pytest.mark.parametrize(("name", "file"), goldens("*.stream"))
def test_a_providers_stream_is_told_in_every_dialect(name: str, file: str) -> None:
    if name not in CHAT:
        return
    events = events_of(dialects.find(name), golden(name, file))
    for other in CHAT:
        target = dialects.find(other)
        data = target.writer(request(stream=True, stream_usage=True)).write(events)
        again = events_of(target, data)
        assert gist(parts_of(again)) == gist(parts_of(events))
        assert isinstance(again[-1], Ended)


@pytest.mark.parametrize(("name", "file"), goldens("*.stream"))
def test_where_a_stream_is_cut_makes_no_difference(name: str, file: str) -> None:
    dialect, data = dialects.find(name), golden(name, file)
    whole = bare(events_of(dialect, data))
    assert bare(events_of(dialect, data, range(len(data)))) == whole

    @FEW
    @given(st.lists(st.integers(0, len(data)), max_size=8))
    def cut(cuts: list[int]) -> None:
        assert bare(events_of(dialect, data, cuts)) == whole

    cut()


@pytest.mark.parametrize(("name", "file"), goldens("*.stream"))
def test_a_stream_that_is_cut_off_never_ends_well(name: str, file: str) -> None:
    dialect, data = dialects.find(name), golden(name, file)
    ends = range(len(data)) if THOROUGH else range(0, len(data), max(1, len(data) // 40))
    for end in ends:
        events, ended = read_as_far(dialect, data[:end])
        if ended:
            # Only what follows the answer's own end marker may be missing.
            assert isinstance(events[-1], Ended)
            assert gist(parts_of(events)) == gist(parts_of(events_of(dialect, data)))


def read_as_far(dialect: Dialect, data: bytes) -> tuple[list[Any], bool]:
    """Return the events of a stream, and whether it ended well."""
    framing, reader = dialect.framing(), dialect.reader()
    events: list[Any] = []
    try:
        for frame in framing.feed(data):
            events += reader.read(frame)
        if framing.rest:
            return events, any(isinstance(event, Ended) for event in events)
        events += reader.end()
    except Malformed:
        return events, False
    # Nobody complained: it ended well, unless the provider said that it did not.
    return events, not any(isinstance(event, Failed) for event in events)


@pytest.mark.parametrize("kind", ["server_error", "overloaded", "rate_limited", "bad_answer"])
@pytest.mark.parametrize("name", CHAT)
def test_a_stream_that_fails_ends_with_the_dialects_own_error(name: str, kind: Any) -> None:
    dialect = dialects.find(name)
    writer = dialect.writer(request(stream=True))
    begun = writer.write(stream_of(ANSWERS["text"])[:4])
    data = begun + writer.fail(Failure(kind=kind, status=500, message="It broke.", ours=True))
    events, ended = read_as_far(dialect, data)
    assert not ended
    assert isinstance(events[-1], Failed)


@pytest.mark.parametrize(("name", "file"), goldens("errors/*.stream"))
def test_a_providers_error_in_a_stream_is_a_failure(name: str, file: str) -> None:
    events, ended = read_as_far(dialects.find(name), golden(name, file))
    assert not ended
    assert isinstance(events[-1], Failed)
    assert events[-1].failure.kind == Path(file).stem


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("name", CHAT)
def test_an_error_is_classified_and_reads_as_it_was_written(name: str, kind: str) -> None:
    path = f"errors/{kind}.json"
    if (name, path) not in goldens("errors/*.json"):
        assert f"{name}/{path}" in NOT_THERE
        return
    said = json.loads(golden(name, path))
    dialect = dialects.find(name)
    headers = {k.lower().encode(): v.encode() for k, v in said["headers"].items()}
    failure = dialect.read_failure(said["status"], headers, json.dumps(said["body"]).encode())
    assert failure.kind == kind
    assert 400 <= failure.status < 600
    body = dialect.write_failure(failure, "request-1")
    again = dialect.read_failure(failure.status, {}, body)
    assert again.status == failure.status


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'{"message":"x"}'])
@pytest.mark.parametrize("name", CHAT)
def test_a_status_alone_says_the_same_in_every_dialect(name: str, body: bytes) -> None:
    dialect = dialects.find(name)
    for status in range(300, 600):
        failure = dialect.read_failure(status, {}, body)
        assert (failure.kind, failure.status) == (kind_of(status), STATUS[kind_of(status)])


def test_no_error_of_a_provider_quotes_a_key() -> None:
    for name, file in goldens("errors/authentication.json"):
        said = json.loads(golden(name, file))
        body = json.dumps({"error": said["body"], **said["body"]}).encode()
        for where in (body, json.dumps(said["body"]).encode()):
            failure = dialects.find(name).read_failure(said["status"], {}, where)
            assert "sk-" not in failure.message


# --- garbage -------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where anything stands in plain data."""
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    return [path, *(found for key, one in inner for found in paths(one, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    if not path:
        return by
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(copy[path[0]], path[1:], by)
    return copy


@pytest.mark.parametrize("name", ALL)
def test_garbage_raises_what_the_contract_says_and_nothing_else(name: str) -> None:
    dialect = dialects.find(name)

    @FEW
    @given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
    def feed(data: bytes) -> None:
        raises_only(CallError, lambda: dialect.read_request(Incoming(data)))
        raises_only(Malformed, lambda: dialect.read_answer(data))
        raises_only(Malformed, lambda: dialect.measure(data))
        raises_only(Malformed, lambda: events_of(dialect, data))
        raises_only(Malformed, lambda: events_of(dialect, b"data: " + data + b"\n\n"))
        for status in (200, 400, 418, 429, 500, 599):
            failure = dialect.read_failure(status, {b"retry-after": data[:9]}, data)
            assert 400 <= failure.status < 600

    feed()


def raises_only(kind: type[Exception], call: Any) -> None:
    with contextlib.suppress(kind):
        call()


@pytest.mark.parametrize(("name", "file"), goldens("*.json") + goldens("errors/*.json"))
def test_a_golden_with_something_else_in_it_breaks_nothing(name: str, file: str) -> None:
    dialect = dialects.find(name)
    plain = json.loads(golden(name, file))
    places = paths(plain)

    @FEW
    @given(st.sampled_from(places), JSON, st.booleans())
    def spoil(path: tuple[Any, ...], by: Any, drop: bool) -> None:  # noqa: FBT001 - drawn
        value = replaced(plain, path, by)
        body = json.dumps(value).encode()
        if "request" in file:
            raises_only(CallError, lambda: dialect.read_request(Incoming(body), drop=drop))
        elif file.startswith("errors/"):
            inner = value.get("body") if isinstance(value, dict) else value
            dialect.read_failure(400, {}, json.dumps(inner).encode())
        else:
            raises_only(Malformed, lambda: dialect.read_answer(body))
            raises_only(Malformed, lambda: dialect.measure(body))

    spoil()


@pytest.mark.parametrize(("name", "file"), goldens("*.stream"))
def test_a_stream_with_something_else_in_it_breaks_nothing(name: str, file: str) -> None:
    dialect, data = dialects.find(name), golden(name, file)

    @FEW
    @given(st.integers(0, len(data)), st.integers(0, 30), st.binary(max_size=12))
    def spoil(at: int, gone: int, by: bytes) -> None:
        raises_only(Malformed, lambda: events_of(dialect, data[:at] + by + data[at + gone :]))

    spoil()


# --- finding them --------------------------------------------------------------------------------


def test_a_dialect_is_found_by_its_name_and_no_other_name_is_imported() -> None:
    assert [dialects.find(name).name for name in ALL] == ALL
    for name in ("nothing", "", "..", "openai_chat.chat", "os", "__init__"):
        with pytest.raises(KeyError):
            dialects.find(name)


def test_every_chat_dialect_has_goldens_of_every_scenario() -> None:
    assert len(CHAT) >= 6
    missing = [
        f"{name}/{scenario}{end}"
        for name in CHAT
        for scenario in [*SCENARIOS, "content_filter"]
        for end in (".request.json", ".response.json", ".stream")
        if not (GOLDEN / name / f"{scenario}{end}").exists()
    ]
    assert set(missing) <= NOT_THERE
