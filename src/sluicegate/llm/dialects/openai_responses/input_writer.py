"""Messages to items of `input`, and the first system message to `instructions`.

What a model said before goes back without the ids it had: the API takes calls and plain messages
so, and signed reasoning too, whose signature holds the id it was given (another id gets "Encrypted
content item_id did not match the target item id"). Reasoning without a signature goes back only by
the id under which OpenAI stores it.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from sluicegate.llm.canonical import (
    Cache,
    Media,
    Message,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sluicegate.llm.dialects.openai_responses.extension import (
    made_id,
    made_name,
    parted_citations,
)

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Request
    from sluicegate.llm.losses import Losses

TTLS: Final = frozenset({"", "30m", "12h"})
"""How long OpenAI keeps a prompt (openai/types/responses/response_input_text_param.py)."""


class InputWriter:
    """Writes the messages of one request."""

    __slots__ = ("_family", "_losses", "_made", "_messages", "_own")

    def __init__(self, request: Request, losses: Losses) -> None:
        """`losses` is told what is left out."""
        self._messages = request.messages
        self._losses = losses
        self._made = 0
        self._own = request.dialect == "openai_responses"
        self._family = request.dialect.startswith("openai_")

    def write(self) -> dict[str, Any]:
        """Return `instructions`, where there are any, and `input`."""
        messages = self._messages
        first = messages[0] if messages else None
        fields: dict[str, Any] = {}
        if first is not None and first.role == "system" and _is_plain(first):
            fields["instructions"] = "".join(p.text for p in first.parts if isinstance(p, Text))
            messages = messages[1:]
        fields["input"] = [item for message in messages for item in self._items(message)]
        return fields

    def _items(self, message: Message) -> list[dict[str, Any]]:
        if message.name:
            self._losses.at(f"{message.at}.name")
        if message.role == "assistant":
            return self._turn(message.parts)
        if message.role == "tool":
            return [item for part in message.parts for item in self._answered(part)]
        content = [written for part in message.parts if (written := self._content(part))]
        plain: object = content
        if len(content) == 1 and set(content[0]) == {"type", "text"}:
            plain = content[0]["text"]
        return [{"type": "message", "role": message.role, "content": plain}]

    # --- what the caller says --------------------------------------------------------------------

    def _content(self, part: Part) -> dict[str, Any] | None:
        if isinstance(part, Text):
            return {"type": "input_text", "text": part.text, **self._mark(part.cache, part.at)}
        if isinstance(part, Media) and part.kind in {"image", "document"}:
            return self._media(part)
        if isinstance(part, Refusal):
            return {"type": "input_text", "text": part.text}
        self._losses.part(part.at)
        return None

    def _mark(self, cache: Cache | None, at: str) -> dict[str, Any]:
        if cache is None:
            return {}
        if not self._family or cache.ttl not in TTLS:
            self._losses.foreign(f"{at}.cache_control")
            return {}
        ttl = {"ttl": cache.ttl} if cache.ttl else {}
        return {"prompt_cache_breakpoint": {"mode": "explicit", **ttl}}

    def _media(self, part: Media) -> dict[str, Any] | None:
        if part.file_id is not None and not self._family:
            self._losses.part(part.at)  # another vendor's file
            return None
        if part.cited:
            self._losses.at(f"{part.at}.citations")
        if part.context:
            self._losses.at(f"{part.at}.context")
        mark = self._mark(part.cache, part.at)
        if part.kind == "image":
            place = {"image_url": _url(part)} if part.file_id is None else {"file_id": part.file_id}
            return {"type": "input_image", "detail": part.detail or "auto", **place, **mark}
        written: dict[str, Any] = {"type": "input_file"}
        if part.file_id is not None:
            written["file_id"] = part.file_id
        elif part.url is not None:
            written["file_url"] = part.url
        else:
            written["file_data"] = _url(part)
            written["filename"] = made_name(_media_type(part))
        if part.name:
            written["filename"] = part.name
        if part.detail:
            written["detail"] = part.detail
        return {**written, **mark}

    # --- what its tools gave ---------------------------------------------------------------------

    def _answered(self, part: Part) -> list[dict[str, Any]]:
        if isinstance(part, Opaque) and part.dialect == "openai_responses":
            return [part.raw]
        if not isinstance(part, ToolResult):
            self._losses.part(part.at)
            return []
        if part.failed:  # the text says so as well
            self._losses.foreign(f"{part.at}.is_error")
        if part.cache is not None:
            self._losses.foreign(f"{part.at}.cache_control")
        content = [written for inner in part.parts if (written := self._content(inner))]
        plain: object = content
        if len(content) <= 1 and all(set(each) == {"type", "text"} for each in content):
            plain = content[0]["text"] if content else ""
        kind = "custom_tool_call_output" if part.custom else "function_call_output"
        return [{"type": kind, "call_id": part.id, "output": plain}]

    # --- what the model said ---------------------------------------------------------------------

    def _turn(self, parts: list[Part]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        said: list[dict[str, Any]] = []
        last: Part | None = None
        for part in parts:
            if isinstance(part, Text | Refusal):
                if not said:
                    items.append({"type": "message", "role": "assistant", "content": said})
                said.append(self._said(part))
                continue
            said = []
            item = self._item(part)
            if isinstance(part, Thinking) and item is not None and _goes_on(last, part):
                items[-1]["summary"] += item["summary"]
                items[-1].update({k: v for k, v in item.items() if k not in {"summary", "content"}})
                if content := [*items[-1].get("content", ()), *item.get("content", ())]:
                    items[-1]["content"] = content
            elif item is not None:
                items.append(item)
            last = part
        for each in items:
            self._finish(each)
        return items

    def _finish(self, item: dict[str, Any]) -> None:
        """Write a message of one plain text as text; others need more of an item's fields."""
        content = item.get("content")
        if item["type"] != "message" or not isinstance(content, list):
            return
        first = content[0]
        if len(content) == 1 and first["type"] == "output_text" and not first["annotations"]:
            item["content"] = first["text"]
            return
        self._made += 1
        item |= {"id": made_id("msg", "", self._made), "status": "completed"}

    def _said(self, part: Text | Refusal) -> dict[str, Any]:
        if isinstance(part, Refusal):
            return {"type": "refusal", "refusal": part.text}
        if part.signature is not None:
            self._losses.foreign(part.at)
        self._mark(part.cache, part.at)
        ours, others = parted_citations(part.citations)
        if others:
            self._losses.foreign(f"{part.at}.citations")
        return {"type": "output_text", "text": part.text, "annotations": ours}

    def _item(self, part: Part) -> dict[str, Any] | None:
        """Return the item of a part that is not said; None where it is left out."""
        if isinstance(part, Thinking):
            return self._thought(part)
        if isinstance(part, ToolCall):
            if part.signature is not None:
                self._losses.foreign(part.at)
            if part.cache is not None:
                self._losses.foreign(f"{part.at}.cache_control")
            item = {"call_id": part.id, "name": part.name}
            if part.custom:
                return {"type": "custom_tool_call", **item, "input": part.arguments}
            return {"type": "function_call", **item, "arguments": part.arguments}
        if isinstance(part, Opaque) and part.dialect == "openai_responses":
            return part.raw
        self._losses.part(part.at)
        return None

    def _thought(self, part: Thinking) -> dict[str, Any] | None:
        signed = part.signature is not None and part.signature.family == "openai"
        if not signed and (part.signature is not None or not part.id):
            self._losses.foreign(part.at)
            return None
        item: dict[str, Any] = {"type": "reasoning", "summary": []}
        if part.id:
            item["id"] = part.id
        if part.text and part.summary:
            item["summary"] = [{"type": "summary_text", "text": part.text}]
        elif part.text:
            item["content"] = [{"type": "reasoning_text", "text": part.text}]
        if part.signature is not None:
            item["encrypted_content"] = part.signature.text
        return item


def _is_plain(message: Message) -> bool:
    """Say whether a system message is one text without marks."""
    return (
        len(message.parts) == 1
        and isinstance(message.parts[0], Text)
        and message.parts[0].cache is None
        and not message.name
    )


def _goes_on(last: Part | None, part: Thinking) -> bool:
    """Say whether a thought is of the same item as the part before it."""
    return isinstance(last, Thinking) and bool(part.id) and last.id == part.id


def _media_type(part: Media) -> str:
    return part.media_type or ("application/octet-stream" if part.text is None else "text/plain")


def _url(part: Media) -> str:
    """Return the URL of content, `data:` where it is in the request itself."""
    if part.url is not None:
        return part.url
    data = part.data if part.text is None else base64.b64encode(part.text.encode()).decode()
    return f"data:{_media_type(part)};base64,{data}"
