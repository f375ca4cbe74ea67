from __future__ import annotations

import json

import pytest
from google.genai import errors, types

from sluicegate.llm.canonical import (
    Begun,
    Delta,
    Ended,
    Event,
    Logprob,
    Logprobs,
    PartBegun,
    PartEnded,
    Refusal,
    Signature,
    Signed,
    Stop,
    Stopped,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Used,
)
from sluicegate.llm.dialect import Incoming
from sluicegate.llm.dialects.gemini_generate.request_reader import read_request
from sluicegate.llm.dialects.gemini_generate.stream_writer import GeminiStreamWriter
from sluicegate.llm.failure import Failure, Malformed
from support.gemini_sdk import Sdk, parts_of

SIGNED: list[Event] = [
    Begun("i", "m", 1767225600),
    PartBegun(0, 0, Thinking()),
    Delta(0, 0, "Two"),
    Delta(0, 0, " and two."),
    Signed(0, 0, Signature("anthropic", "EqQB")),
    PartEnded(0, 0),
    PartBegun(0, 1, Text(text="")),
    Delta(0, 1, 'It is\u2028 "4".'),
    PartEnded(0, 1),
    PartBegun(0, 2, ToolCall(id="c", name="f", arguments="")),
    Delta(0, 2, '{"a":'),
    Delta(0, 2, " 1}"),
    PartEnded(0, 2),
    Stopped(0, Stop(reason="tool_calls")),
    Used(Usage(input=3, output=9, reasoning=4)),
    Ended(),
]


def sdk(data: bytes) -> list[types.GenerateContentResponse]:
    return list(Sdk(data).stream())


def test_the_sdk_reads_a_stream_of_another_vendor() -> None:
    chunks = sdk(GeminiStreamWriter().write(SIGNED))
    parts = parts_of(chunks)
    assert "".join(part.text or "" for part in parts if part.thought) == "Two and two."
    assert "".join(part.text or "" for part in parts if not part.thought) == 'It is\u2028 "4".'
    (call,) = [part.function_call for part in parts if part.function_call]
    assert (call.id, call.args) == ("c", {"a": 1})
    last = chunks[-1]
    assert last.candidates
    assert last.candidates[0].finish_reason == types.FinishReason.STOP
    assert last.usage_metadata is not None
    assert last.usage_metadata.thoughts_token_count == 4
    ends = [chunk.candidates[0].finish_reason for chunk in chunks if chunk.candidates]
    assert ends[:-1] == [None] * (len(ends) - 1)


def test_what_the_sdk_sends_back_holds_the_signed_thinking() -> None:
    chat = Sdk(GeminiStreamWriter().write(SIGNED))
    history = chat.client.chats.create(model="m")
    list(history.send_message_stream("What is two and two?"))
    list(history.send_message_stream("And?"))
    request, _ = read_request(Incoming(chat.sent[-1].content), drop=False)
    thinking, text, call = request.messages[1].parts
    assert isinstance(thinking, Thinking)
    assert (thinking.text, thinking.signature) == ("Two and two.", Signature("anthropic", "EqQB"))
    assert isinstance(text, Text)
    assert isinstance(call, ToolCall)


def test_frames_end_with_crlf() -> None:
    data = GeminiStreamWriter().write(SIGNED)
    assert data.startswith(b"data: {")
    assert data.endswith(b"}\r\n\r\n")
    assert data.count(b"\n") == 2 * data.count(b"data: ")


def test_without_sse_it_is_one_array() -> None:
    writer = GeminiStreamWriter(array=True)
    data = b"".join(writer.write([event]) for event in SIGNED)
    elements = json.loads(data)
    assert elements[0]["candidates"][0]["content"]["parts"] == [{"thought": True, "text": "Two"}]
    assert elements[-1]["candidates"][0]["finishReason"] == "STOP"


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize("sent", [0, 3])
def test_a_stream_that_fails_raises_the_sdks_error(*, array: bool, sent: int) -> None:
    writer = GeminiStreamWriter(array=array)
    data = writer.write(SIGNED[:sent])
    failure = Failure(kind="overloaded", status=503, message="Away.", retry_after_s=2)
    data += writer.fail(failure)
    if array:
        assert json.loads(data)[-1]["error"]["status"] == "UNAVAILABLE"
        return
    with pytest.raises(errors.ServerError) as caught:
        sdk(data)
    assert (caught.value.code, caught.value.status) == (503, "UNAVAILABLE")


def test_an_end_that_was_not_seen_is_not_written() -> None:
    data = GeminiStreamWriter().write(SIGNED[:-1])
    assert b"finishReason" not in data


def test_what_there_are_no_words_for_stands_in_the_last_frame() -> None:
    events: list[Event] = [
        PartBegun(0, 0, Refusal(text="")),
        Delta(0, 0, "No."),
        Logprobs(0, [Logprob(token="No", logprob=-1.0)]),
        Stopped(0, Stop(reason="refusal", detail="policy")),
        Ended(),
    ]
    data = GeminiStreamWriter().write(events)
    last = json.loads(data.rstrip().rpartition(b"data: ")[2])
    assert last["sluicegate"]["choices"] == [
        {
            "index": 0,
            "refusals": [0],
            "stop": {"reason": "refusal", "sequence": None, "detail": "policy"},
        }
    ]
    assert "".join(part.text or "" for part in parts_of(sdk(data))) == "No."


def test_a_call_without_an_object_is_malformed() -> None:
    events: list[Event] = [
        PartBegun(0, 0, ToolCall(id="c", name="f", arguments="")),
        Delta(0, 0, '{"a":'),
        PartEnded(0, 0),
    ]
    with pytest.raises(Malformed):
        GeminiStreamWriter().write(events)
