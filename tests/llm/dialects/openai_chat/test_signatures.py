from __future__ import annotations

from sluicegate.llm.canonical import Signature, Thinking
from sluicegate.llm.dialects.openai_chat.answer_shape import Block
from sluicegate.llm.dialects.openai_chat.call_shape import RedactedBlock, ThinkingBlock
from sluicegate.llm.dialects.openai_chat.signatures import (
    as_block,
    as_content,
    of_block,
    of_content,
)


def test_each_place_is_at_home_in_one_family() -> None:
    assert as_content(Signature("gemini", "s")) == {"google": {"thought_signature": "s"}}
    assert as_content(Signature("openai", "s")) == {"google": {"thought_signature": "openai:s"}}
    for family in ("gemini", "openai", "anthropic"):
        signature = Signature(family, "s")
        assert of_content(as_content(signature)) == signature


def test_a_block_is_read_as_it_was_written() -> None:
    for family in ("gemini", "openai", "anthropic"):
        thought = Thinking(text="t", signature=Signature(family, "s"), id="rs_1", summary=True)
        block = as_block(thought, "t")
        del block["type"]
        assert of_block(ThinkingBlock(**block)) == of_block(Block(**block)) == thought
        hidden = Thinking(redacted=True, signature=Signature(family, "s"))
        assert of_block(RedactedBlock(data=as_block(hidden, "")["data"])) == hidden
        assert of_block(Block(**as_block(hidden, ""))) == hidden


def test_what_else_stands_there_is_nobodys() -> None:
    for extra in (
        None,
        {},
        {"google": 1},
        {"google": {}},
        {"google": {"thought_signature": 1}},
        [],
    ):
        assert of_content(extra) is None
