"""Parts of messages to blocks of a request."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.llm.canonical import (
    Cache,
    Media,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sluicegate.llm.dialects.anthropic_messages.extension import FAMILY, NAME, own_citation

if TYPE_CHECKING:
    from sluicegate.llm.losses import Losses

Block = dict[str, Any]

IMAGE_TYPES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""anthropic-sdk-python `types/base64_image_source_param.py`."""
MAGIC: Final = (
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBERi0", "application/pdf"),
)
"""How the bytes of a type begin, in base64."""
NOT_IN_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
"""The API's pattern for ids of calls is `^[a-zA-Z0-9_-]+$`; other vendors' have dots and colons."""


class PartsWriter:
    """Writes parts of one request; tells `losses` of what has no words here."""

    __slots__ = ("_files", "_losses")

    def __init__(self, losses: Losses, *, own: bool) -> None:
        """`own`: the caller speaks this dialect too, so its file ids are good here."""
        self._losses = losses
        self._files = own

    def blocks(self, parts: list[Part]) -> list[Block]:
        """Return what can be said of them. Empty text says nothing: the API refuses it."""
        written = [self._block(part) for part in parts]
        return [block for block in written if block is not None]

    def _block(self, part: Part) -> Block | None:  # noqa: PLR0911 - one of each kind
        if isinstance(part, Text):
            return _text(part) if part.text else None
        if isinstance(part, Media):
            return self._media(part)
        if isinstance(part, Thinking):
            return self._thinking(part)
        if isinstance(part, ToolCall):
            return self._tool_call(part)
        if isinstance(part, ToolResult):
            return self._tool_result(part)
        if isinstance(part, Refusal):
            self._losses.foreign(part.at)  # that it is one; its words are said
            return {"type": "text", "text": part.text} if part.text else None
        return self._opaque(part)

    def _thinking(self, part: Thinking) -> Block | None:
        signature = part.signature
        if signature is None or signature.family != FAMILY:
            self._losses.foreign(part.at)
            return None
        if part.redacted:
            return {"type": "redacted_thinking", "data": signature.text}
        return {"type": "thinking", "thinking": part.text, "signature": signature.text}

    def _tool_call(self, part: ToolCall) -> Block | None:
        if part.custom:
            self._losses.part(part.at)
            return None
        arguments = object_of(part.arguments)
        if arguments is None:
            self._losses.part(part.at)
            return None
        if part.signature is not None:
            self._losses.foreign(part.at)
        block = {"type": "tool_use", "id": id_of(part.id), "name": part.name, "input": arguments}
        return cached(block, part.cache)

    def _tool_result(self, part: ToolResult) -> Block:
        block: Block = {"type": "tool_result", "tool_use_id": id_of(part.id)}
        only = part.parts[0] if len(part.parts) == 1 else None
        if isinstance(only, Text) and only.cache is None and not only.citations:
            block["content"] = only.text
        elif part.parts:
            block["content"] = self.blocks([*part.parts])
        if part.failed:
            block["is_error"] = True
        return cached(block, part.cache)

    def _opaque(self, part: Opaque) -> Block | None:
        if part.dialect == NAME:
            return part.raw
        self._losses.part(part.at)
        return None

    def _media(self, part: Media) -> Block | None:
        source = self._source(part) if part.kind in ("image", "document") else None
        if source is None:
            self._losses.part(part.at)
            return None
        block: Block = {"type": part.kind, "source": source}
        if part.detail not in ("", "auto"):
            self._losses.at(f"{part.at}.detail")
        if part.kind == "document":
            if part.name:
                block["title"] = part.name
            if part.context:
                block["context"] = part.context
            if part.cited:
                block["citations"] = {"enabled": True}
        return cached(block, part.cache)

    def _source(self, part: Media) -> Block | None:
        if part.url is not None:
            return {"type": "url", "url": part.url}
        if part.file_id is not None:
            return {"type": "file", "file_id": part.file_id} if self._files else None
        if part.text is not None:
            return {"type": "text", "media_type": "text/plain", "data": part.text}
        data = part.data or ""
        kind = part.media_type or _sniffed(data)
        if kind in IMAGE_TYPES if part.kind == "image" else kind == "application/pdf":
            return {"type": "base64", "media_type": kind, "data": data}
        if part.kind == "document" and kind.partition(";")[0] == "text/plain":
            return _plain_text(data)
        return None


def _text(part: Text) -> Block:
    block: Block = {"type": "text", "text": part.text}
    citations = [citation for citation in part.citations or () if own_citation(citation)]
    if citations:
        block["citations"] = citations
    return cached(block, part.cache)


def cached(block: Block, cache: Cache | None) -> Block:
    """Add a breakpoint."""
    if cache is not None:
        control = {"type": "ephemeral", "ttl": cache.ttl} if cache.ttl else {"type": "ephemeral"}
        block["cache_control"] = control
    return block


def id_of(identifier: str) -> str:
    """Return an id that the API takes, the same for a call and its result."""
    return NOT_IN_ID.sub("_", identifier)


def object_of(arguments: str) -> dict[str, Any] | None:
    """Return a tool's arguments as an object ("" is an empty one); None where they are none."""
    if not arguments.strip():
        return {}
    try:
        found = msgspec.json.decode(arguments)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _sniffed(data: str) -> str:
    return next((kind for start, kind in MAGIC if data.startswith(start)), "")


def _plain_text(data: str) -> Block | None:
    try:
        text = base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return {"type": "text", "media_type": "text/plain", "data": text}
