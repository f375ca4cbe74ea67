from __future__ import annotations

from typing import Any

import pytest

from sluicegate.llm import canonical
from sluicegate.llm.dialects.bedrock_converse.write_messages import write_messages
from sluicegate.llm.losses import Losses
from support.llm_samples import PARIS, asked, request


def write(*messages: canonical.Message, **fields: Any) -> tuple[Any, Any, Losses]:
    losses = Losses({}, "bedrock_converse")
    system, written = write_messages(request(messages=list(messages), **fields), losses)
    return system, written, losses


def user(*parts: canonical.Part) -> canonical.Message:
    return canonical.Message(role="user", parts=list(parts), at="m")


def assistant(*parts: canonical.Part) -> canonical.Message:
    return canonical.Message(role="assistant", parts=list(parts), at="m")


def blocks(*parts: canonical.Part) -> tuple[Any, Losses]:
    _, written, losses = write(user(*parts))
    return written[0]["content"], losses


def test_messages_of_one_role_become_one() -> None:
    text = canonical.Text(text="18 degrees")
    result = canonical.ToolResult(id="call_0", parts=[text], failed=True)
    tool = canonical.Message(role="tool", parts=[result])
    _, written, _ = write(*asked(), assistant(PARIS), tool, *asked("So?"))
    assert [one["role"] for one in written] == ["user", "assistant", "user"]
    assert written[2]["content"][0]["toolResult"]["status"] == "error"
    assert written[2]["content"][1] == {"text": "So?"}


def test_system_prompts_stand_first_or_where_they_stood() -> None:
    prompt = canonical.Message(role="system", parts=[canonical.Text(text="Be brief.")])
    system, written, _ = write(prompt, *asked(), prompt)
    assert system == [{"text": "Be brief."}]
    assert [one["role"] for one in written] == ["user", "system"]


def test_empty_texts_are_left_out_where_something_else_is_said() -> None:
    assert blocks(canonical.Text(text=""), canonical.Text(text="a"))[0] == [{"text": "a"}]
    assert blocks(canonical.Text(text=""))[0] == [{"text": ""}]


def test_markers_follow_what_they_mark() -> None:
    long = canonical.Text(text="a", at="p", cache=canonical.Cache("5m"))
    odd = canonical.Text(text="b", at="p", cache=canonical.Cache("2h"))
    written, losses = blocks(long, odd)
    assert written[1] == {"cachePoint": {"type": "default", "ttl": "5m"}}
    assert written[3] == {"cachePoint": {"type": "default"}}
    assert losses.dropped == ["p.cache_control.ttl"]


def test_only_reasoning_that_claude_has_signed_goes_back() -> None:
    signed = canonical.Thinking(text="t", signature=canonical.Signature("anthropic", "s"))
    hidden = canonical.Thinking(redacted=True, signature=canonical.Signature("anthropic", "AA"))
    others = canonical.Thinking(text="t", at="p", signature=canonical.Signature("openai", "s"))
    _, written, losses = write(assistant(signed, hidden, others))
    assert written[0]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": "AA"}},
    ]
    assert losses.dropped == ["p"]


@pytest.mark.parametrize(
    "part",
    [
        canonical.Media(kind="image", url="https://example.com/a.png", at="p"),
        canonical.Media(kind="image", media_type="image/tiff", data="AA", at="p"),
        canonical.Media(kind="document", file_id="file-1", at="p"),
        canonical.Opaque(dialect="other", raw={}, at="p"),
        canonical.ToolCall(id="1", name="n", arguments="text", custom=True, at="p"),
        canonical.ToolCall(id="1", name="n", arguments="no json", at="p"),
        canonical.ToolResult(id="1", parts=[], custom=True, at="p"),
        canonical.ToolResult(
            id="1", parts=[canonical.Media(kind="audio", media_type="audio/wav", data="A")], at="p"
        ),
    ],
)
def test_content_without_words_is_refused(part: canonical.Part) -> None:
    assert blocks(part)[1].fatal == ["p"]


def test_documents_have_names_that_converse_takes_and_no_two_the_same() -> None:
    def document(name: str) -> canonical.Media:
        return canonical.Media(kind="document", media_type="text/plain", data="AA", name=name)

    written, _ = blocks(document("a_b.txt"), document("a_b.txt"), document(""))
    assert [one["document"]["name"] for one in written] == ["a-b-txt", "a-b-txt (2)", "document"]


def test_all_that_is_said_of_a_document_is_written() -> None:
    part = canonical.Media(kind="document", text="words", name="n", context="c", cited=True)
    assert blocks(part)[0] == [
        {
            "document": {
                "name": "n",
                "source": {"text": "words"},
                "context": "c",
                "citations": {"enabled": True},
            }
        }
    ]


def test_what_lies_in_s3_is_named() -> None:
    part = canonical.Media(kind="video", media_type="video/mp4", url="s3://b/f", detail="high")
    written, losses = blocks(part)
    assert written[0]["video"]["source"] == {"s3Location": {"uri": "s3://b/f"}}
    assert losses.lost == [".detail"]


def test_hints_of_others_are_left_out_and_announced() -> None:
    theirs = canonical.Signature("gemini", "s")
    call = canonical.ToolCall(id="1", name="n", arguments="", signature=theirs, at="c")
    text = canonical.Text(text="a", citations=[{"title": "x"}], signature=theirs, at="t")
    _, written, losses = write(assistant(call, text))
    assert losses.dropped == ["c", "t", "t.citations"]
    assert written[0]["content"][1] == {"text": "a"}


def test_citations_in_converses_own_form_go_back() -> None:
    cited = [{"location": {"web": {"url": "u"}}}]
    _, written, _ = write(assistant(canonical.Text(text="a", citations=cited)))
    content = written[0]["content"]
    assert content == [{"citationsContent": {"content": [{"text": "a"}], "citations": cited}}]


def test_a_name_is_lost_and_a_refusal_is_text() -> None:
    named = canonical.Message(
        role="assistant", parts=[canonical.Refusal(text="No.")], name="Ann", at="m"
    )
    opaque = canonical.Opaque(dialect="bedrock_converse", raw={"guardContent": {}})
    _, written, losses = write(named, user(opaque))
    assert losses.lost == ["m.name"]
    assert written[0]["content"] == [{"text": "No."}]
    assert written[1]["content"] == [{"guardContent": {}}]
