"""Messages of the canonical form to those of Converse.

Roles alternate there, so that messages of one role in a row become one; results of tools are the
user's. System prompts are a list of their own as far as they stand first, and later messages of the
role `system` (ConversationRole has it; which models take it is theirs to say).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.llm import canonical
from sluicegate.llm.dialects.bedrock_converse import formats, wire
from sluicegate.llm.dialects.bedrock_converse.read_request import FAMILY

if TYPE_CHECKING:
    from sluicegate.llm.losses import Losses

Block = dict[str, Any]

UNFIT: Final = re.compile(r"[^a-zA-Z0-9\s\-()\[\]]")
"""What names of documents must not hold (shape DocumentBlock)."""
SPACES: Final = re.compile(r"\s+")
TTLS: Final = frozenset({"5m", "1h"})
MAX_NAME: Final = 180  # of 200, for a number behind it


def write_messages(
    request: canonical.Request, losses: Losses
) -> tuple[list[Block], list[dict[str, Any]]]:
    """Return the system prompt and the messages."""
    writer = _Writer(losses)
    system: list[Block] = []
    messages: list[dict[str, Any]] = []
    for message in request.messages:
        if message.name:
            losses.at(f"{message.at}.name")
        blocks = writer.blocks(message.parts)
        if message.role == "system" and not messages:
            system += blocks
            continue
        role = "user" if message.role == "tool" else message.role
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += blocks
        else:
            messages.append({"role": role, "content": blocks})
    return system, messages


def cache_point(cache: canonical.Cache, at: str, losses: Losses) -> list[Block]:
    """Return the block that marks what stands before it."""
    point = {"type": "default"}
    if cache.ttl in TTLS:
        point["ttl"] = cache.ttl
    elif cache.ttl:
        losses.foreign(f"{at}.cache_control.ttl")
    return [{"cachePoint": point}]


class _Writer:
    """Writes blocks of one request, in which each document has a name of its own."""

    __slots__ = ("_losses", "_names")

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._names: set[str] = set()

    def blocks(self, parts: list[canonical.Part]) -> list[Block]:
        """Return the blocks of a message. An empty text, which Converse refuses, is none."""
        blocks: list[Block] = []
        for part in parts:
            if isinstance(part, canonical.Text) and not part.text and len(parts) > 1:
                continue
            block = self._block(part)
            if block is None:
                continue
            blocks.append(block)
            cache = getattr(part, "cache", None)
            if cache is not None:
                blocks += cache_point(cache, part.at, self._losses)
        return blocks

    def _block(self, part: canonical.Part) -> Block | None:  # noqa: PLR0911 - one per kind
        """Return the block of a part; None where there are no words for it."""
        match part:
            case canonical.Text():
                return self._text(part)
            case canonical.Media():
                return self._media(part)
            case canonical.Thinking():
                return self._thinking(part)
            case canonical.ToolCall():
                return self._call(part)
            case canonical.ToolResult():
                return self._result(part)
            case canonical.Refusal():
                return {"text": part.text}
            case canonical.Opaque():
                if part.dialect == wire.NAME:
                    return part.raw
                self._losses.part(part.at)
                return None

    def _text(self, part: canonical.Text) -> Block:
        if part.signature is not None:
            self._losses.foreign(part.at)
        if part.citations and _ours(part.citations):
            return {
                "citationsContent": {"content": [{"text": part.text}], "citations": part.citations}
            }
        if part.citations:
            self._losses.foreign(f"{part.at}.citations")
        return {"text": part.text}

    def _thinking(self, part: canonical.Thinking) -> Block | None:
        """Claude takes back only what it has signed; nobody needs what nobody signed."""
        signature = part.signature
        if signature is None or signature.family != FAMILY:
            self._losses.foreign(part.at)
            return None
        if part.redacted:
            return {"reasoningContent": {"redactedContent": signature.text}}
        text = {"text": part.text, "signature": signature.text}
        return {"reasoningContent": {"reasoningText": text}}

    def _call(self, part: canonical.ToolCall) -> Block | None:
        if part.custom:
            self._losses.part(part.at)
            return None
        if part.signature is not None:
            self._losses.foreign(part.at)
        text = part.arguments.strip() or "{}"
        try:
            plain = json.loads(text)
        except ValueError:
            plain = None
        if not isinstance(plain, dict):
            self._losses.part(part.at)
            return None
        use = {"toolUseId": part.id, "name": part.name, "input": msgspec.Raw(text.encode())}
        return {"toolUse": use}

    def _result(self, part: canonical.ToolResult) -> Block | None:
        if part.custom:
            self._losses.part(part.at)
            return None
        blocks = [block for one in part.parts if (block := self._block(one)) is not None]
        if any("audio" in block for block in blocks):
            self._losses.part(part.at)
        result: Block = {"toolUseId": part.id, "content": blocks}
        if part.failed:
            result["status"] = "error"
        return {"toolResult": result}

    def _media(self, part: canonical.Media) -> Block | None:
        source = self._source(part)
        word = formats.word_for(part.kind, part.media_type, part.name)
        if source is None or (word is None and "text" not in source):
            self._losses.part(part.at)
            return None
        if part.detail not in ("", "auto"):
            self._losses.at(f"{part.at}.detail")
        block: Block = {"source": source}
        if word is not None:
            block["format"] = word
        if part.kind == "document":
            block["name"] = self._name(part.name)
            if part.context:
                block["context"] = part.context
            if part.cited:
                block["citations"] = {"enabled": True}
        return {part.kind: block}

    def _source(self, part: canonical.Media) -> Block | None:
        if part.data is not None:
            return {"bytes": part.data}
        if part.text is not None and part.kind == "document":
            return {"text": part.text}
        if part.url is not None and part.url.startswith("s3://"):
            return {"s3Location": {"uri": part.url}}
        return None

    def _name(self, wanted: str) -> str:
        """Return a name that Converse takes, and that no other document has."""
        name = SPACES.sub(" ", UNFIT.sub("-", wanted)).strip()[:MAX_NAME] or "document"
        unique, count = name, 1
        while unique in self._names:
            count += 1
            unique = f"{name} ({count})"
        self._names.add(unique)
        return unique


def _ours(citations: list[dict[str, Any]]) -> bool:
    """Tell whether citations are in Converse's form: each has a `location` of its own kinds."""
    kinds = {"web", "documentChar", "documentPage", "documentChunk", "searchResultLocation"}
    return all(
        isinstance(one.get("location"), dict) and set(one["location"]) <= kinds for one in citations
    )
