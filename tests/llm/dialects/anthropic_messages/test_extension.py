from __future__ import annotations

import pytest

from sluicegate.llm.canonical import (
    Logprob,
    Media,
    Opaque,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
)
from sluicegate.llm.dialects.anthropic_messages import extension

FOREIGN = {"type": "url_citation", "url": "https://x/"}
SIGNED = Signature("gemini", "s")


@pytest.mark.parametrize(
    ("part", "bare"),
    [
        (Text(text="a", signature=SIGNED, citations=[FOREIGN]), Text(text="a")),
        (
            ToolCall(id="i", name="f", arguments="", custom=True, signature=SIGNED),
            ToolCall(id="i", name="f", arguments=""),
        ),
        (Thinking(text="a", id="rs_1", summary=True), Thinking(text="a")),
        (Refusal(text="a"), Text(text="a")),
        (Text(text="a"), Text(text="a")),
    ],
)
def test_a_part_is_restored_from_what_its_block_says(
    part: Text, bare: Text | Thinking | ToolCall
) -> None:
    assert extension.restored(bare, extension.of_part(part)) == part


@pytest.mark.parametrize("said", [{"signature": 1, "citations": ["x"]}, {"refusal": "yes"}, {}])
def test_an_extension_that_says_nonsense_says_nothing(said: dict[str, object]) -> None:
    assert extension.restored(Text(text="a"), said) == Text(text="a")


def test_parts_without_a_block_are_told_by_what_they_are() -> None:
    opaque = Opaque(dialect="gemini_generate", raw={"executableCode": {}})
    assert extension.of_foreign(2, opaque) == {
        "index": 2,
        "dialect": "gemini_generate",
        "raw": {"executableCode": {}},
    }
    image = Media(kind="image", media_type="image/png", data="aa")
    assert extension.of_foreign(0, image) == {
        "index": 0,
        "kind": "image",
        "media_type": "image/png",
        "data": "aa",
    }


def test_probabilities_are_told_too() -> None:
    assert extension.of_logprobs([Logprob(token="a", logprob=-1.0)])[0]["token"] == "a"
