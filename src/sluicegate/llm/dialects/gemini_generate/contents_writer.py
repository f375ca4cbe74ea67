"""Messages to turns for Google.

Results of tools that follow each other are one turn: their number must be that of the calls before
them. Models from Gemini 3 on refuse a call of a tool without a signature: where the call was made
by another model, the vendor's own word for that stands in its place (ai.google.dev, "Thought
signatures", FAQ; so does google-gemini/gemini-cli, `SYNTHETIC_THOUGHT_SIGNATURE`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.llm.canonical import (
    Cache,
    Media,
    Message,
    Opaque,
    Part,
    Refusal,
    Request,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sluicegate.llm.dialects.gemini_generate.media import write_media
from sluicegate.llm.dialects.gemini_generate.signatures import FAMILY
from sluicegate.llm.failure import invalid

if TYPE_CHECKING:
    from sluicegate.llm.losses import Losses

NAME: Final = "gemini_generate"
UNSIGNED: Final = "skip_thought_signature_validator"
OLD: Final = re.compile(r"(?:.*/)?gemini-[12](?!\d)")
"""Models that ask for no signatures, and think by budget."""
NEW: Final = re.compile(r"(?:.*/)?gemini-")


class ContentsWriter:
    """Writes one request's turns."""

    def __init__(self, request: Request, losses: Losses) -> None:
        """Begin with nothing written."""
        self._losses = losses
        self._dialect = request.dialect
        self._messages = request.messages
        model = request.model
        self._signed = NEW.match(model) is not None and OLD.match(model) is None
        self._names = {
            part.id: part.name
            for message in request.messages
            for part in message.parts
            if isinstance(part, ToolCall)
        }

    def write(self) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
        """Return `systemInstruction` and `contents`. Raises CallError: a call is no JSON object."""
        system: list[dict[str, Any]] = []
        contents: list[dict[str, Any]] = []
        before = ""
        for message in self._messages:
            if message.name:
                self._losses.at(f"{message.at}.name")
            if message.role == "system":
                if contents:  # it moves to the front, where it may mean something else
                    self._losses.at(message.at)
                system += self._system(message)
                continue
            parts = self._parts(message.parts)
            if message.role == "tool" and before == "tool":
                contents[-1]["parts"] += parts
            else:
                role = "model" if message.role == "assistant" else "user"
                contents.append({"role": role, "parts": parts or [{"text": ""}]})
            before = message.role
        return ({"parts": system} if system else None), contents

    def _system(self, message: Message) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = []
        for part in message.parts:
            self._uncached(part)
            if isinstance(part, Text):
                parts.append({"text": part.text})
            else:
                self._losses.part(part.at)
        return parts

    def _parts(self, parts: Sequence[Part]) -> list[dict[str, Any]]:
        written: list[dict[str, Any]] = []
        unsigned = self._signed
        kept: Signature | None = None
        for index, part in enumerate(parts):
            one = self._part(part)
            if one is None:
                continue
            if isinstance(part, Thinking):
                after = parts[index + 1] if index + 1 < len(parts) else None
                kept = part.signature
                if kept is not None and not _takes(after):
                    one["thoughtSignature"] = kept.text
                    kept = None
            elif kept is not None and isinstance(part, Text):
                one["thoughtSignature"] = kept.text
                kept = None
            if isinstance(part, ToolCall):
                if unsigned and "thoughtSignature" not in one:
                    one["thoughtSignature"] = UNSIGNED
                unsigned = False
            written.append(one)
        return written

    def _part(self, part: Part) -> dict[str, Any] | None:
        self._uncached(part)
        said: dict[str, Any] | None = None
        match part:
            case Text():
                said = self._text(part)
            case ToolCall():
                said = self._call(part)
            case ToolResult():
                said = self._result(part)
            case Thinking():
                said = self._thinking(part)
            case Media():
                said = write_media(part, self._losses)
            case Refusal():  # the words stay; that they are one is not said
                self._losses.foreign(part.at)
                said = {"text": part.text}
            case Opaque():
                said = self._opaque(part)
        return said

    def _text(self, part: Text) -> dict[str, Any] | None:
        if part.citations:
            self._losses.foreign(f"{part.at}.citations")
        signature = self._signature(part.signature, part.at)
        return {"text": part.text} | signature if part.text or signature else None

    def _thinking(self, part: Thinking) -> dict[str, Any] | None:
        signature = part.signature
        if part.redacted or (signature is not None and signature.family != FAMILY):
            self._losses.foreign(part.at)
            return None
        return {"text": part.text, "thought": True}

    def _call(self, call: ToolCall) -> dict[str, Any]:
        if call.custom:
            self._losses.part(call.at)
        said = {"id": call.id, "name": call.name, "args": args_of(call)}
        return {"functionCall": said} | self._signature(call.signature, call.at)

    def _result(self, result: ToolResult) -> dict[str, Any]:
        texts = [part.text for part in result.parts if isinstance(part, Text)]
        for part in result.parts:
            self._uncached(part)
        media = [
            written
            for part in result.parts
            if isinstance(part, Media)
            if (written := write_media(part, self._losses)) is not None
        ]
        said: dict[str, Any] = {
            "id": result.id,
            "name": result.name or self._names.get(result.id, result.id),
            "response": {"error" if result.failed else "output": "\n".join(texts)},
        }
        return {"functionResponse": said | ({"parts": media} if media else {})}

    def _opaque(self, part: Opaque) -> dict[str, Any] | None:
        if part.dialect == NAME:
            return part.raw
        self._losses.part(part.at)
        return None

    def _signature(self, signature: Signature | None, at: str) -> dict[str, Any]:
        if signature is None:
            return {}
        if signature.family != FAMILY:
            self._losses.foreign(at)
            return {}
        return {"thoughtSignature": signature.text}

    def _uncached(self, part: Part) -> None:
        """Google caches by itself: a marker is a hint that it has no word for."""
        if isinstance(getattr(part, "cache", None), Cache):
            self._losses.foreign(f"{part.at}.cache_control")


def _takes(part: Part | None) -> bool:
    """Whether a part is where Google has the signature of the thinking before it."""
    return isinstance(part, Text) and part.signature is None and bool(part.text)


def args_of(call: ToolCall) -> msgspec.Raw:
    """Return a call's arguments. Raises CallError: they are no JSON object."""
    text = call.arguments.strip() or "{}"
    try:
        msgspec.json.decode(text, type=dict[str, Any])
    except (ValueError, RecursionError):
        raise invalid(call.at, "the arguments of the call are not a JSON object") from None
    return msgspec.Raw(text.encode())
