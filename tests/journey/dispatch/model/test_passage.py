from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.dispatch.model.passage import (
    Missing,
    PassThrough,
    Reframed,
    Rename,
    Translation,
    bare,
    body_of,
)
from sluicegate.llm.call import ModelCall
from sluicegate.llm.canonical import Begun, Delta, Media, Message, PartBegun, Request, Text
from sluicegate.llm.dialect import Frame, Incoming
from sluicegate.llm.dialects import find
from sluicegate.llm.endpoint import Endpoint
from sluicegate.llm.failure import CallError, Failure, Malformed
from support.llm_goldens import FOX, PNG, events_of, golden

NOW = 1_700_000_000
FAILED = Failure(kind="overloaded", status=503, message="it is busy")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
SPACES = st.sampled_from(["", " ", "\n\t"])


def call(body: bytes, dialect: str = "openai_chat", model: str = "asked") -> ModelCall:
    made = ModelCall(Endpoint("call", dialect), model)
    made.body = body
    made.fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    made.stream = b'"stream":true' in body
    return made


# --- the body ------------------------------------------------------------------------------------


def test_a_body_without_changes_is_sent_as_it_came() -> None:
    body = b'{"model":"asked","temperature":1.50,"x":"\\u00e9"}'
    assert body_of(call(body), {}) is not None
    assert body_of(call(body), {}) == body


def test_only_what_changes_is_changed_and_the_order_is_kept() -> None:
    body = b'{"temperature": 1.50, "model": "asked", "odd": {"a" : [1e2]}}'
    assert (
        body_of(call(body), {"model": b'"gpt"', "new": b"1"})
        == b'{"temperature":1.50,"model":"gpt","odd":{"a" : [1e2]},"new":1}'
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"allowed","model":"other"}',
        b'{"model":"allowed","\\u006dodel":"other"}',
        b'{"model":"allowed", "model":"other"}',
        b'{"\\u006dodel":"allowed","model":"other"}',
    ],
)
def test_a_provider_takes_no_other_member_than_the_gateway_has_looked_at(body: bytes) -> None:
    assert body_of(call(body), {}) == b'{"model":"other"}'


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=5), SPACES, st.sampled_from([0, 1]))
def test_a_body_says_what_it_said(members: dict[str, Any], space: str, escaped: int) -> None:
    marks = (f",{space}", f":{space}")
    body = json.dumps(members, separators=marks, ensure_ascii=bool(escaped)).encode()
    assert json.loads(body_of(call(body), {})) == members
    changed = json.loads(body_of(call(body), {"model": b'"gpt"'}))
    assert changed == members | {"model": "gpt"}


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "é"]), JSON), max_size=5))
def test_of_a_name_that_stands_twice_the_last_one_counts_and_is_alone(
    pairs: list[tuple[str, Any]],
) -> None:
    text = ",".join(f"{json.dumps(k, ensure_ascii=False)}:{json.dumps(v)}" for k, v in pairs)
    sent = body_of(call(f"{{{text}}}".encode()), {})
    seen: list[str] = []
    json.loads(sent, object_pairs_hook=lambda found: seen.extend(k for k, _ in found) or {})
    assert json.loads(sent) == dict(pairs)


# --- the same dialect ----------------------------------------------------------------------------


def through(made: ModelCall, model: str = "gpt", sealing: Any = None) -> PassThrough:
    return PassThrough(made, find(made.endpoint.dialect), model, sealing)


def test_the_models_name_is_the_providers() -> None:
    assert through(call(b'{"model":"asked","x":1}')).outgoing().body == b'{"model":"gpt","x":1}'
    assert through(call(b'{"model":"asked"}'), "asked").outgoing().body == b'{"model":"asked"}'


def test_where_the_path_says_the_model_the_body_does_not() -> None:
    made = call(b'{"contents":[]}', "gemini_generate")
    made.endpoint.model = "asked"
    assert through(made).outgoing().body == b'{"contents":[]}'


class Seals:
    """A seal that can be seen."""

    def changes(self, call: ModelCall) -> dict[str, bytes]:
        return {"metadata": b'{"of":"%b"}' % call.asked.encode()}

    def rename(self, id_: str) -> Rename:
        return b'"%b"' % id_.encode(), b'"%b.seal"' % id_.encode()

    def rename_in(self, body: bytes) -> Rename | None:
        found = json.loads(body).get("id")
        return None if found is None else self.rename(found)


def test_ids_of_what_is_kept_are_sealed_in_answers_and_in_every_event() -> None:
    made = call(b'{"model":"asked"}', "openai_responses")
    passage = through(made, sealing=Seals())
    assert json.loads(passage.outgoing().body)["metadata"] == {"of": "asked"}
    whole = golden("openai_responses", "text.response.json")
    id_ = json.loads(whole)["id"].encode()
    body, usage = passage.whole(whole)
    assert body == whole.replace(b'"%b"' % id_, b'"%b.seal"' % id_)
    assert usage is not None
    assert usage.input == 12
    sent = passed(passage, golden("openai_responses", "text.stream"))
    begun = events_of(passage.dialect, sent)[0]
    assert isinstance(begun, Begun)
    assert begun.id.endswith(".seal")
    assert sent.count(b'.seal"') == golden("openai_responses", "text.stream").count(
        b'"%b"' % begun.id.removesuffix(".seal").encode()
    )


def passed(passage: Any, stream: bytes) -> bytes:
    framing, reader = passage.dialect.framing(), passage.dialect.reader()
    sent = b""
    for frame in framing.feed(stream):
        sent += passage.frame(frame, reader.read(frame))
    return sent + passage.frame(Frame(b"", "", b""), reader.end()) + passage.end()


@pytest.mark.parametrize(
    "dialect", ["openai_chat", "openai_responses", "anthropic_messages", "gemini_generate"]
)
def test_a_stream_of_the_same_dialect_is_passed_byte_for_byte(dialect: str) -> None:
    stream = golden(dialect, "text.stream")
    assert passed(through(call(b'{"model":"asked"}', dialect)), stream) == stream


@pytest.mark.parametrize(
    "dialect", ["openai_chat", "openai_responses", "anthropic_messages", "gemini_generate"]
)
def test_a_stream_that_fails_ends_with_the_dialects_error_event(dialect: str) -> None:
    end = through(call(b'{"model":"asked","stream":true}', dialect)).fail(FAILED)
    assert b"it is busy" in end
    assert b"[DONE]" not in end
    assert end.endswith((b"\n\n", b"\r\n\r\n"))


def test_an_answer_that_is_none_is_not_passed_on() -> None:
    with pytest.raises(Malformed):
        through(call(b'{"model":"asked"}')).whole(b'{"choices":')


# --- usage that the caller has not asked for ---


def counted(said: str = "", dialect: str = "openai_chat", *, asks: bool = True) -> PassThrough:
    made = call(f'{{"model":"asked","stream":true{said}}}'.encode(), dialect)
    return PassThrough(made, find(dialect), "asked", None, asks_usage=asks)


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_completions"])
def test_a_streams_usage_is_asked_for_and_does_not_reach_who_did_not_ask(dialect: str) -> None:
    passage = counted(dialect=dialect)
    assert json.loads(passage.outgoing().body)["stream_options"] == {"include_usage": True}
    stream = golden(dialect, "text.stream")
    sent = passed(passage, stream)
    assert b'"usage"' in stream
    assert b'"usage"' not in sent
    assert events_of(passage.dialect, sent)


def test_who_asks_for_usage_gets_the_bytes_as_they_are() -> None:
    said = ',"stream_options":{"include_usage":true}'
    passage = counted(said)
    assert passage.outgoing().body == f'{{"model":"asked","stream":true{said}}}'.encode()
    stream = golden("openai_chat", "text.stream")
    assert passed(passage, stream) == stream


def test_a_provider_that_need_not_or_cannot_be_asked_is_not() -> None:
    passage = counted(asks=False)
    assert passage.outgoing().body == b'{"model":"asked","stream":true}'
    stream = golden("openai_chat", "text.stream")
    assert passed(passage, stream) == stream


@pytest.mark.parametrize(
    "dialect", ["openai_responses", "anthropic_messages", "gemini_generate", "openai_embeddings"]
)
def test_in_other_dialects_nobody_is_asked(dialect: str) -> None:
    assert counted(dialect=dialect).outgoing().body == b'{"model":"asked","stream":true}'


def test_a_whole_answer_needs_no_asking() -> None:
    made = call(b'{"model":"asked"}')
    passage = PassThrough(made, find("openai_chat"), "asked", None, asks_usage=True)
    assert passage.outgoing().body == b'{"model":"asked"}'


def test_ids_are_sealed_in_a_stream_whose_usage_is_taken_out() -> None:
    made = call(b'{"model":"asked","stream":true}')
    passage = PassThrough(made, find("openai_chat"), "gpt", Seals(), asks_usage=True)
    passage.outgoing()
    sent = passed(passage, golden("openai_chat", "text.stream"))
    begun = events_of(passage.dialect, sent)[0]
    assert isinstance(begun, Begun)
    assert begun.id.endswith(".seal")
    assert b'"usage"' not in sent


# --- a JSON array --------------------------------------------------------------------------------


def test_a_stream_may_be_passed_on_as_a_json_array() -> None:
    passage = Reframed(through(call(b"{}", "gemini_generate")))
    elements = json.loads(passed(passage, golden("gemini_generate", "text.stream")))
    texts = [part["text"] for e in elements for part in e["candidates"][0]["content"]["parts"]]
    assert "".join(texts) == FOX


def test_an_array_is_closed_whatever_happens() -> None:
    def fresh() -> Reframed:
        return Reframed(through(call(b"{}", "gemini_generate")))

    assert json.loads(fresh().end()) == []
    (only,) = json.loads(fresh().fail(FAILED))
    assert only["error"]["message"] == "it is busy"
    begun = fresh()
    first = begun.frame(Frame(b"", "", b'{"a":1}'), ())
    assert json.loads(first + begun.fail(FAILED))[0] == {"a": 1}


# --- another dialect -----------------------------------------------------------------------------


def translated(
    caller: str = "openai_chat",
    target: str = "anthropic_messages",
    change: Callable[[Request], object] | None = None,
    *,
    drop: bool = False,
    scenario: str = "text",
) -> tuple[Translation, ModelCall]:
    body = golden(caller, f"{scenario}.request.json")
    made = call(body, caller)
    dialect = find(caller)
    request, _ = dialect.read_request(Incoming(body, "asked", stream=False))
    if change is not None:
        change(request)
    writer = dialect.writer(request)
    missing = Missing("made", "gpt", NOW)
    passage = Translation(made, request, dialect, find(target), writer, missing, drop=drop)
    return passage, made


def test_a_call_is_sent_in_the_providers_dialect_to_its_model() -> None:
    passage, _ = translated()
    sent = json.loads(passage.outgoing().body)
    assert sent["model"] == "gpt"
    assert sent["messages"][0]["role"] == "user"


def test_a_call_can_be_sent_twice() -> None:
    passage, _ = translated()
    assert passage.outgoing() == passage.outgoing()


def test_what_cannot_be_said_is_refused_by_name_or_dropped_and_announced() -> None:
    def seeded(request: Request) -> None:
        request.seed = 7

    with pytest.raises(CallError) as error:
        translated(change=seeded)[0].outgoing()
    assert error.value.failure.field == "seed"
    passage, _ = translated(change=seeded, drop=True)
    passage.outgoing()
    passage.outgoing()
    assert passage.dropped == ["seed"]


def test_a_part_that_cannot_be_said_is_never_dropped() -> None:
    def heard(request: Request) -> None:
        sound = Media(kind="audio", data=PNG, media_type="audio/wav", at="messages[0].content[1]")
        request.messages.append(Message(role="user", parts=[sound]))

    with pytest.raises(CallError) as error:
        translated(change=heard, drop=True)[0].outgoing()
    assert error.value.failure.kind == "unsupported"


def test_a_whole_answer_is_translated_and_counted() -> None:
    passage, _ = translated()
    body, usage = passage.whole(golden("anthropic_messages", "text.response.json"))
    said = json.loads(body)
    assert said["choices"][0]["message"]["content"] == FOX
    assert said["created"] == NOW
    assert usage is not None
    assert (usage.input, usage.output) == (12, 9)


def test_a_stream_is_translated() -> None:
    passage, _ = translated()
    sent = passed(passage, golden("anthropic_messages", "text.stream"))
    events = events_of(find("openai_chat"), sent)
    assert "".join(e.text for e in events if isinstance(e, Delta)) == FOX
    assert isinstance(events[0], Begun)
    assert events[0].created == NOW


def test_what_a_vendor_does_not_say_of_its_answer_is_filled_in() -> None:
    passage, _ = translated()
    sent = passage.frame(Frame(b"", "", b""), [Begun("id", "", 0), PartBegun(0, 0, Text(text=""))])
    assert b'"gpt"' in sent
    assert str(NOW).encode() in sent
    assert passage.frame(Frame(b"", "", b""), ()) == b""


def test_what_a_writer_must_know_is_said_without_the_body() -> None:
    made = bare(call(b'{"model":"asked","stream":true}'))
    assert (made.dialect, made.model, made.stream) == ("openai_chat", "asked", True)
