"""Blocks of a request to parts of messages.

Blocks that only this API knows stay as they came (`Opaque`); so do blocks with fields that have no
equal elsewhere (`caller`, `toolset_name`, `transformations`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sluicegate.llm.canonical import (
    Cache,
    Media,
    Opaque,
    Part,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sluicegate.llm.dialects.anthropic_messages import wire
from sluicegate.llm.dialects.anthropic_messages.extension import FAMILY, NAME, restored
from sluicegate.llm.failure import invalid
from sluicegate.llm.signature import opened

RawAt = Callable[[], dict[str, Any]]
"""Returns the block as it came; only asked where it must be."""


def cache_of(control: wire.CacheControl | None) -> Cache | None:
    """Return a breakpoint."""
    return None if control is None else Cache(control.ttl or "")


def text_part(block: wire.TextBlock, at: str) -> Part:
    """Return text, or the refusal that it was before it was written in this API's words."""
    text = Text(
        text=block.text,
        at=at,
        cache=cache_of(block.cache_control),
        citations=block.citations or None,
    )
    return restored(text, block.sluicegate)


def part_of(block: wire.Block, at: str, raw: RawAt) -> Part:
    """Return the part that a block of a message is. Raises CallError."""
    if isinstance(block, wire.TextBlock):
        return text_part(block, at)
    if isinstance(block, wire.ToolUseBlock):
        return _tool_call(block, at, raw)
    if isinstance(block, wire.ToolResultBlock):
        return _tool_result(block, at, raw)
    if isinstance(block, wire.ThinkingBlock):
        signature = opened(block.signature, FAMILY) if block.signature else None
        thinking = Thinking(text=block.thinking, signature=signature, at=at)
        return restored(thinking, block.sluicegate)
    if isinstance(block, wire.RedactedBlock):
        redacted = Thinking(redacted=True, signature=opened(block.data, FAMILY), at=at)
        return restored(redacted, block.sluicegate)
    return _media(block, at) or Opaque(dialect=NAME, raw=raw(), at=at)


def _tool_call(block: wire.ToolUseBlock, at: str, raw: RawAt) -> Part:
    if block.toolset_name is not None or (block.caller or {}).get("type", "direct") != "direct":
        return Opaque(dialect=NAME, raw=raw(), at=at)
    arguments = bytes(block.input)
    if not arguments.lstrip().startswith(b"{"):
        raise invalid(f"{at}.input", "expected `object`")
    call = ToolCall(
        id=block.id,
        name=block.name,
        arguments=arguments.decode(),
        at=at,
        cache=cache_of(block.cache_control),
    )
    said = block.sluicegate or {}
    if said.get("custom") is not True:
        # Arguments that are no JSON: the caller has been shown, and repeats, an empty object.
        said = {name: value for name, value in said.items() if name != "arguments"}
    return restored(call, said)


def _tool_result(block: wire.ToolResultBlock, at: str, raw: RawAt) -> Part:
    parts: list[Text | Media] = []
    if isinstance(block.content, str):
        parts.append(Text(text=block.content, at=f"{at}.content"))
    for index, inner in enumerate(block.content or () if not parts else ()):
        place = f"{at}.content[{index}]"
        part = text_part(inner, place) if isinstance(inner, wire.TextBlock) else None
        part = part or (None if isinstance(inner, wire.TextBlock | str) else _media(inner, place))
        if not isinstance(part, Text | Media):
            return Opaque(dialect=NAME, raw=raw(), at=at)
        parts.append(part)
    if block.toolset_name is not None:
        return Opaque(dialect=NAME, raw=raw(), at=at)
    return ToolResult(
        id=block.tool_use_id,
        parts=parts,
        failed=block.is_error is True,
        at=at,
        cache=cache_of(block.cache_control),
    )


def _media(block: object, at: str) -> Media | None:
    """Return an image or a document; None where it can only be said in this API's own words."""
    if isinstance(block, wire.ImageBlock) and block.transformations is None:
        media = Media(kind="image", at=at, cache=cache_of(block.cache_control))
    elif isinstance(block, wire.DocumentBlock):
        media = Media(
            kind="document",
            at=at,
            cache=cache_of(block.cache_control),
            name=block.title or "",
            context=block.context or "",
            cited=block.citations is not None and block.citations.enabled is True,
        )
    else:
        return None
    return media if _sourced(media, block.source) else None


def _sourced(media: Media, source: wire.DocumentSource) -> bool:
    """Fill in where the bytes are; False where they are blocks."""
    if isinstance(source, wire.Base64Source):
        media.data, media.media_type = source.data, source.media_type
    elif isinstance(source, wire.UrlSource):
        media.url = source.url
    elif isinstance(source, wire.FileSource):
        media.file_id = source.file_id
    elif isinstance(source, wire.TextSource):
        media.text, media.media_type = source.data, source.media_type
    else:
        return False
    return True
