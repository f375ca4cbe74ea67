"""Messages of the canonical form to those of Cohere's chat.

Cohere caches by itself: cache markers are left out, and that is announced.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sluicegate.llm import canonical
from sluicegate.llm.dialects.cohere_chat import wire

if TYPE_CHECKING:
    from sluicegate.llm.losses import Losses

DETAILS: Final = frozenset({"auto", "low", "high"})


def write_messages(request: canonical.Request, losses: Losses) -> list[dict[str, Any]]:
    """Return the messages; each result of a tool is one of its own."""
    messages: list[dict[str, Any]] = []
    own = request.dialect == wire.NAME
    for message in request.messages:
        if message.name:
            losses.at(f"{message.at}.name")
        for part in message.parts:
            if getattr(part, "cache", None) is not None:
                losses.foreign(f"{part.at}.cache_control")
        if message.role == "assistant":
            turn = _Turn(losses, own=own)
            for part in message.parts:
                turn.add(part)
            messages.append(turn.written())
            continue
        results = [part for part in message.parts if isinstance(part, canonical.ToolResult)]
        messages += [_result(result, losses) for result in results]
        if len(results) < len(message.parts) or not results:
            content = _content(message, losses)
            messages.append({"role": message.role, "content": content})
    return messages


def _content(message: canonical.Message, losses: Losses) -> str | list[dict[str, Any]]:
    """Return the content of a user's or system's turn; plain where it is one text."""
    items: list[dict[str, Any]] = []
    for part in message.parts:
        match part:
            case canonical.Text():
                items.append({"type": "text", "text": part.text})
            case canonical.Media() if part.kind == "image" and message.role == "user":
                items += _image(part, losses)
            case canonical.ToolResult():
                pass
            case _:
                losses.part(part.at)
    return _plain(items)


def _plain(items: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    if len(items) == 1 and items[0]["type"] == "text":
        return str(items[0]["text"])
    return items


def _image(part: canonical.Media, losses: Losses) -> list[dict[str, Any]]:
    if part.data is not None:
        url = f"data:{part.media_type};base64,{part.data}"
    elif part.url is not None:
        url = part.url
    else:
        losses.part(part.at)
        return []
    image = {"url": url}
    if part.detail in DETAILS:
        image["detail"] = part.detail
    elif part.detail:
        losses.at(f"{part.at}.detail")
    return [{"type": "image_url", "image_url": image}]


class _Turn:
    """A turn of the model's, as it grows."""

    __slots__ = ("_losses", "_own", "calls", "citations", "items", "plan")

    def __init__(self, losses: Losses, *, own: bool) -> None:
        self._losses = losses
        self._own = own
        self.items: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.citations: list[dict[str, Any]] = []
        self.plan = ""

    def add(self, part: canonical.Part) -> None:
        """Add a part."""
        match part:
            case canonical.Text():
                self._text(part)
            case canonical.Refusal():
                self.items.append({"type": "text", "text": part.text})
            case canonical.Thinking():
                self._thinking(part)
            case canonical.ToolCall() if not part.custom:
                self._signed(part.signature, part.at)
                function = {"name": part.name, "arguments": part.arguments}
                self.calls.append({"id": part.id, "type": "function", "function": function})
            case _:
                self._losses.part(part.at)

    def written(self) -> dict[str, Any]:
        """Return the turn."""
        turn: dict[str, Any] = {"role": "assistant"}
        if self.plan:
            turn["tool_plan"] = self.plan
        if any(item.get("text") != "" for item in self.items) or not self.calls:
            turn["content"] = _plain(self.items) or ""
        if self.calls:
            turn["tool_calls"] = self.calls
        if self.citations:
            turn["citations"] = self.citations
        return turn

    def _text(self, part: canonical.Text) -> None:
        self._signed(part.signature, part.at)
        if part.citations and self._own:
            self.citations += part.citations
        elif part.citations:
            self._losses.foreign(f"{part.at}.citations")
        self.items.append({"type": "text", "text": part.text})

    def _thinking(self, part: canonical.Thinking) -> None:
        """Cohere takes reasoning that can be read, whoever has signed it."""
        if part.redacted or not part.text:
            self._losses.foreign(part.at)
            return
        self._signed(part.signature, part.at)
        if part.id == wire.PLAN:
            self.plan += part.text
        else:
            self.items.append({"type": "thinking", "thinking": part.text})

    def _signed(self, signature: canonical.Signature | None, at: str) -> None:
        if signature is not None:
            self._losses.foreign(f"{at}.signature")


def _result(part: canonical.ToolResult, losses: Losses) -> dict[str, Any]:
    if part.custom:
        losses.part(part.at)
    if part.failed:
        losses.foreign(f"{part.at}.is_error")
    items: list[dict[str, Any]] = []
    for given in part.parts:
        if isinstance(given, canonical.Text):
            items.append({"type": "text", "text": given.text})
        elif given.kind == "document" and given.text is not None:
            document: dict[str, Any] = {"data": _data(given)}
            if given.name:
                document["id"] = given.name
            items.append({"type": "document", "document": document})
        else:
            losses.part(given.at)
    return {"role": "tool", "tool_call_id": part.id, "content": _plain(items) or ""}


def _data(given: canonical.Media) -> dict[str, Any]:
    """Return the data of a document: the object that it is, or its text."""
    text = given.text or ""
    if given.media_type == "application/json":
        try:
            plain = json.loads(text)
        except ValueError:
            plain = None
        if isinstance(plain, dict):
            return plain
    return {"text": text}
