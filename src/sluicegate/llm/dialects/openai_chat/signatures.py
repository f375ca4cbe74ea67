"""Where signatures stand: Anthropic's in `thinking_blocks`, Google's in `extra_content`.

Each place is at home in one family, whose signatures stand there as they are.
"""

from __future__ import annotations

from typing import Any

from sluicegate.llm.canonical import Signature, Thinking
from sluicegate.llm.dialects.openai_chat.answer_shape import Block
from sluicegate.llm.dialects.openai_chat.call_shape import RedactedBlock, ThinkingBlock
from sluicegate.llm.signature import opened, sealed


def of_content(extra: object) -> Signature | None:
    """Read `extra_content.google.thought_signature`; what else stands there is nobody's."""
    google = extra.get("google") if isinstance(extra, dict) else None
    text = google.get("thought_signature") if isinstance(google, dict) else None
    return opened(text, "gemini") if isinstance(text, str) and text else None


def as_content(signature: Signature) -> dict[str, Any]:
    """Write an `extra_content`."""
    return {"google": {"thought_signature": sealed(signature, "gemini")}}


def as_block(thinking: Thinking, text: str) -> dict[str, Any]:
    """Write one of the `thinking_blocks`: of `thinking`, whose whole text is `text`."""
    proof = sealed(thinking.signature, "anthropic") if thinking.signature else ""
    block: dict[str, Any] = {"type": "thinking", "thinking": text, "signature": proof}
    if thinking.redacted:
        block = {"type": "redacted_thinking", "data": proof}
    if thinking.id:
        block["id"] = thinking.id
    if thinking.summary:
        block["summary"] = True
    return block


def of_block(block: Block | ThinkingBlock | RedactedBlock, at: str = "") -> Thinking:
    """Read one of the `thinking_blocks`, of an answer or of a history."""
    thinking = Thinking(id=block.id, summary=block.summary, at=at)
    if isinstance(block, RedactedBlock) or (
        isinstance(block, Block) and block.type == "redacted_thinking"
    ):
        thinking.redacted = True
        thinking.signature = opened(block.data or "", "anthropic")
    elif not isinstance(block, RedactedBlock):
        thinking.text = block.thinking or ""
        thinking.signature = opened(block.signature, "anthropic") if block.signature else None
    return thinking
