from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import EventStreamError

from sluicegate.llm import canonical
from sluicegate.llm.dialects.bedrock_converse import DIALECT
from sluicegate.llm.dialects.bedrock_converse.stream_writer import ConverseWriter
from sluicegate.llm.failure import Failure
from support.bedrock_sdk import BedrockSdk
from support.llm_goldens import answer_of, bare, events_of, stream_of
from support.llm_samples import answers

BEGUN = canonical.Begun("i", "m", 1)
STOPPED = [canonical.Stopped(0, canonical.Stop(reason="end")), canonical.Ended()]


@pytest.fixture(scope="module")
def sdk() -> BedrockSdk:
    return BedrockSdk()


def part(empty: Any, *events: canonical.Event) -> bytes:
    begun = canonical.PartBegun(0, 0, empty)
    return ConverseWriter().write([BEGUN, begun, *events, canonical.PartEnded(0, 0), *STOPPED])


def theirs(sdk: BedrockSdk, data: bytes) -> list[dict[str, Any]]:
    return list(sdk.answers(data).converse_stream(modelId="m", messages=[])["stream"])


@pytest.mark.parametrize("name", answers())
def test_what_is_written_is_read_again(sdk: BedrockSdk, name: str) -> None:
    answer = answers()[name]
    data = ConverseWriter().write(stream_of(answer))
    again = answer_of(events_of(DIALECT, data))
    want = [one for one in answer.choices[0].parts if getattr(one, "text", "x")]
    assert bare(again.choices[0].parts) == bare(want)
    assert again.choices[0].stop == answer.choices[0].stop
    assert again.usage is not None
    assert answer.usage is not None
    assert again.usage.total == answer.usage.total
    assert "metadata" in theirs(sdk, data)[-1]


def test_redacted_reasoning_is_written(sdk: BedrockSdk) -> None:
    signature = canonical.Signature("anthropic", "AAEC")
    data = part(canonical.Thinking(redacted=True), canonical.Signed(0, 0, signature))
    assert theirs(sdk, data)[1]["contentBlockDelta"]["delta"] == {
        "reasoningContent": {"redactedContent": b"\x00\x01\x02"}
    }
    assert part(canonical.Thinking(redacted=True, signature=signature)) == data


def test_citations_and_what_comes_with_a_call_are_written(sdk: BedrockSdk) -> None:
    cited = part(canonical.Text(text="a"), canonical.Cited(0, 0, {"title": "x"}))
    assert theirs(sdk, cited)[2]["contentBlockDelta"]["delta"] == {"citation": {"title": "x"}}
    call = part(canonical.ToolCall(id="1", name="n", arguments="{}"))
    assert theirs(sdk, call)[2]["contentBlockDelta"]["delta"] == {"toolUse": {"input": "{}"}}


def test_what_converse_has_no_words_for_stands_in_our_own_field(sdk: BedrockSdk) -> None:
    def ours(data: bytes) -> Any:
        stop = theirs(sdk, data)[-2]["messageStop"]
        return stop["additionalModelResponseFields"]["sluicegate"]

    sign = canonical.Signature("gemini", "s")
    assert ours(part(canonical.Refusal(text="No.")))["parts"] == {"0": {"refusal": True}}
    call = canonical.ToolCall(id="1", name="n", arguments="", signature=sign)
    assert ours(part(call))["parts"] == {"0": {"signature": "gemini:s"}}
    text = part(canonical.Text(text=""), canonical.Signed(0, 0, sign))
    assert ours(text)["parts"] == {"0": {"signature": "gemini:s"}}
    opaque = canonical.Opaque(dialect="other", raw={"a": 1})
    assert ours(part(opaque))["parts"]["0"] == {"dialect": "other", "raw": {"a": 1}}
    assert ours(part(canonical.Text(text="")))["id"] == "i"


def test_its_own_opaque_parts_pass(sdk: BedrockSdk) -> None:
    raw = {"contentBlockIndex": 5, "start": {"toolResult": {"toolUseId": "1"}}}
    events = theirs(sdk, part(canonical.Opaque(dialect="bedrock_converse", raw=raw)))
    assert events[1]["contentBlockStart"]["start"] == raw["start"]


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("rate_limited", 429, "throttlingException"),
        ("bad_answer", 502, "modelStreamErrorException"),
        ("context_length", 400, "validationException"),
    ],
)
def test_a_failure_raises_in_the_sdk(sdk: BedrockSdk, kind: Any, status: int, code: str) -> None:
    failure = Failure(kind=kind, status=status, message="So it is.")
    data = ConverseWriter().write([BEGUN, canonical.Failed(failure)])
    with pytest.raises(EventStreamError, match="So it is") as raised:
        theirs(sdk, data)
    assert raised.value.response["Error"]["Code"] == code


def test_a_second_choice_is_not_written() -> None:
    assert ConverseWriter().write([canonical.Delta(1, 0, "x")]) == b""
