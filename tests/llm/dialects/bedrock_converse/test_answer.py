from __future__ import annotations

import json
from typing import Any

import pytest

from sluicegate.llm import canonical
from sluicegate.llm.dialects.bedrock_converse.answer import measure, read_answer, write_answer
from sluicegate.llm.failure import Malformed
from support.llm_goldens import bare
from support.llm_samples import answers


def body(*content: dict[str, Any], **fields: Any) -> bytes:
    plain = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3},
    }
    return json.dumps(plain | fields).encode()


def parts(*content: dict[str, Any]) -> list[canonical.Part]:
    return read_answer(body(*content)).choices[0].parts


@pytest.mark.parametrize("name", answers())
def test_what_is_written_is_read_again(name: str) -> None:
    answer = answers()[name]
    again = read_answer(write_answer(answer))
    assert bare(again.choices[0].parts) == bare(answer.choices[0].parts)
    assert again.choices[0].stop == answer.choices[0].stop
    assert (again.id, again.model, again.created) == (answer.id, answer.model, answer.created)


def test_redacted_reasoning_is_kept() -> None:
    (part,) = parts({"reasoningContent": {"redactedContent": "AAEC"}})
    signature = canonical.Signature("anthropic", "AAEC")
    assert part == canonical.Thinking(redacted=True, signature=signature)


def test_citations_stay_with_their_text() -> None:
    cited = {"location": {"web": {"url": "https://example.com"}}}
    (part,) = parts({"citationsContent": {"content": [{"text": "So."}], "citations": [cited]}})
    assert part == canonical.Text(text="So.", citations=[cited])


def test_an_image_of_the_models_is_media() -> None:
    (part,) = parts({"image": {"format": "png", "source": {"bytes": "AAEC"}}})
    assert part == canonical.Media(kind="image", media_type="image/png", data="AAEC")


def test_a_part_that_nobody_else_has_is_opaque() -> None:
    raw = {"toolUse": {"toolUseId": "1", "name": "n", "input": {}, "type": "server_tool_use"}}
    assert parts(raw) == [canonical.Opaque(dialect="bedrock_converse", raw=raw)]


def test_arguments_are_read_as_they_came() -> None:
    raw = b'{"toolUse":{"toolUseId":"1","name":"n","input":{"x": 1.10}}}'
    answer = read_answer(body({"text": "here"}).replace(b'{"text": "here"}', raw))
    (call,) = answer.choices[0].parts
    assert isinstance(call, canonical.ToolCall)
    assert call.arguments == '{"x": 1.10}'


def test_what_has_no_canonical_words_is_among_the_extras() -> None:
    more = {"stop_sequence": "END", "x": 1}
    answer = read_answer(body(trace={"a": 1}, additionalModelResponseFields=more))
    assert answer.extras == {"trace": {"a": 1}, "additionalModelResponseFields": {"x": 1}}
    assert answer.choices[0].stop.sequence == "END"
    assert json.loads(write_answer(answer))["trace"] == {"a": 1}


def test_what_converse_has_no_words_for_stands_in_our_own_field() -> None:
    call = canonical.ToolCall(
        id="1", name="n", arguments="no json", signature=canonical.Signature("gemini", "s")
    )
    opaque = canonical.Opaque(dialect="other", raw={"a": 1})
    film = canonical.Media(kind="video", media_type="video/mp4", data="AA")
    said: list[canonical.Part] = [canonical.Refusal(text="No."), call, opaque, film]
    answer = answers()["logprobs"]
    answer.choices[0].parts = said
    answer.choices[0].stop = canonical.Stop(reason="refusal")
    answer.fingerprint, answer.extras, answer.service_tier = "f", {"odd": 1}, "flex"
    written = json.loads(write_answer(answer))
    ours = written["additionalModelResponseFields"]["sluicegate"]
    assert ours["parts"]["0"] == {"refusal": True}
    assert ours["parts"]["1"] == {"signature": "gemini:s"}
    assert ours["parts"]["2"] == {"dialect": "other", "raw": {"a": 1}}
    assert ours["parts"]["3"]["media"]["kind"] == "video"
    assert (ours["fingerprint"], ours["extras"]) == ("f", {"odd": 1})
    assert ours["logprobs"][0]["token"] == "Hi"
    assert ours["stop"]["reason"] == "refusal"
    assert written["serviceTier"] == {"type": "flex"}


@pytest.mark.parametrize("bad", [b"", b"[]", b"{}", b'{"output":{}}', body({"text": 1}), b"\xff"])
def test_no_answer_is_malformed(bad: bytes) -> None:
    with pytest.raises(Malformed):
        read_answer(bad)


@pytest.mark.parametrize("bad", [b"", b"[]", b'{"message":"no"}', b"\xff"])
def test_only_answers_are_measured(bad: bytes) -> None:
    with pytest.raises(Malformed):
        measure(bad)
