"""Turns of a caller to messages.

Calls without an id get `call_<n>`, counted through the history; results without one belong to the
first call of their name that has none yet. Turns of the model that follow each other are one, as
the SDK keeps each chunk of a stream as a turn of its own (chats.py), and pieces of thinking are
joined up to their signature. A signature at the text behind unsigned thinking is that thinking's:
that is where Google puts it (ai.google.dev, "Thought signatures").
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from sluicegate.llm.canonical import (
    Media,
    Message,
    Opaque,
    Part,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from sluicegate.llm.dialects.gemini_generate import wire
from sluicegate.llm.dialects.gemini_generate.media import read_blob, read_file
from sluicegate.llm.dialects.gemini_generate.signatures import FAMILY, signature_of, thinking_of
from sluicegate.llm.dialects.gemini_generate.spelling import camel
from sluicegate.llm.failure import invalid

ROLES: Final[dict[str, Role]] = {
    "user": "user",
    "model": "assistant",
    "function": "user",  # of results, in early versions
    "tool": "user",
}
OPAQUE: Final = ("executable_code", "code_execution_result", "tool_call", "tool_response")
BESIDE: Final = (
    "media_resolution",
    "video_metadata",
    "part_metadata",
    "audio_transcription",
    "media_processing",
    "speech_metadata",
    "document_metadata",
    "spreadsheet_metadata",
    "audio_metadata",
)
OUTPUTS: Final = ("output", "result")
"""What a result's text stands in: by types.py, `FunctionResponse.response`; as the SDK calls it."""


class ContentsReader:
    """Reads one request's turns; what stands beside their parts goes to `extras`, by path."""

    def __init__(self, extras: dict[str, Any]) -> None:
        """Begin without history."""
        self._extras = extras
        self._calls = 0
        self._open: list[ToolCall] = []

    def read(self, contents: list[wire.Content] | wire.Content) -> list[Message]:
        """Return the messages. Raises CallError."""
        messages: list[Message] = []
        turns = contents if isinstance(contents, list) else [contents]
        for index, content in enumerate(turns):
            at = f"contents[{index}]" if isinstance(contents, list) else "contents"
            role = ROLES.get(content.role or "user")
            if role is None:
                raise invalid(f"{at}.role", "expected `user` or `model`")
            before = messages[-1] if messages else None
            if role == "assistant" and before is not None and before.role == role:
                message = before
            else:
                message = Message(role=role, parts=[], at=at)
                messages.append(message)
            fresh = True
            for part in self.parts(content, at):
                kind: Role = "tool" if isinstance(part, ToolResult) else role
                if message.role != kind:
                    if message.parts:
                        message = Message(role=kind, parts=[], at=at)
                        messages.append(message)
                    message.role = kind
                _append(message.parts, part, joined=fresh and role == "assistant")
                fresh = False
        return messages

    def parts(self, content: wire.Content, at: str) -> Iterator[Part]:
        """Yield the parts of one turn."""
        parts = content.parts or []
        if isinstance(parts, wire.Part):
            yield self._part(parts, f"{at}.parts")
            return
        for index, part in enumerate(parts):
            yield self._part(part, f"{at}.parts[{index}]")

    def _part(self, part: wire.Part, at: str) -> Part:
        for name in BESIDE:
            value = getattr(part, name)
            if value is not None:
                self._extras[f"{at}.{camel(name)}"] = value
        signature = part.thought_signature
        read: Part | None = None
        if part.function_call is not None:
            read = self._call(part.function_call, signature, at)
        elif part.function_response is not None:
            read = self._result(part.function_response, at)
        elif part.inline_data is not None:
            read = read_blob(part.inline_data, f"{at}.inlineData")
        elif part.file_data is not None:
            read = read_file(part.file_data, f"{at}.fileData")
        else:
            read = _opaque(part, at) or _words(part, at)
        if read is None:
            raise invalid(at, "a part without content")
        return read

    def _call(self, call: wire.FunctionCall, signature: str | None, at: str) -> ToolCall:
        if not call.name:
            raise invalid(f"{at}.functionCall.name", "missing")
        for name in ("partial_args", "will_continue"):
            if getattr(call, name) is not None:
                self._extras[f"{at}.functionCall.{camel(name)}"] = getattr(call, name)
        read = ToolCall(
            id=call.id or f"call_{self._calls}",
            name=call.name,
            arguments=msgspec.json.encode(call.args or {}).decode(),
            signature=signature_of(signature) if signature else None,
            at=at,
        )
        self._calls += 1
        self._open.append(read)
        return read

    def _result(self, result: wire.FunctionResponse, at: str) -> ToolResult:
        at = f"{at}.functionResponse"
        name = result.name or ""
        answers = next(
            (c for c in self._open if c.id == result.id or (not result.id and c.name == name)), None
        )
        if answers is not None:
            self._open.remove(answers)
        identity = result.id or (answers.id if answers is not None else f"call_{self._calls}")
        for field in ("scheduling", "will_continue"):
            if getattr(result, field) is not None:
                self._extras[f"{at}.{camel(field)}"] = getattr(result, field)
        text, failed = _output(result.response or {})
        parts: list[Text | Media] = [Text(text=text, at=f"{at}.response")]
        for index, part in enumerate(result.parts or []):
            parts.append(_result_part(part, f"{at}.parts[{index}]"))
        return ToolResult(id=identity, parts=parts, name=name, failed=failed, at=at)


def _words(part: wire.Part, at: str) -> Text | Thinking | None:
    """Read text or thinking; the last part of a stream may be a signature alone."""
    signature = part.thought_signature
    if part.text is None and not signature:
        return None
    if part.thought:
        return thinking_of(part.text or "", signature, at)
    text = Text(text=part.text or "", at=at)
    text.signature = signature_of(signature) if signature else None
    return text


def _opaque(part: wire.Part, at: str) -> Opaque | None:
    """Read a part that only Google's models have."""
    for name in OPAQUE:
        raw = getattr(part, name)
        if raw is not None:
            said = {camel(name): raw}
            if part.thought_signature:
                said["thoughtSignature"] = part.thought_signature
            return Opaque(dialect="gemini_generate", raw=said, at=at)
    return None


def _output(response: dict[str, Any]) -> tuple[str, bool]:
    """Return the text of a result, and whether it is an error (types.py, `FunctionResponse`)."""
    if len(response) == 1:
        ((name, value),) = response.items()
        if isinstance(value, str) and name in (*OUTPUTS, "error"):
            return value, name == "error"
    return msgspec.json.encode(response).decode(), False


def _result_part(part: wire.ResultPart, at: str) -> Media:
    if part.inline_data is not None:
        return read_blob(part.inline_data, f"{at}.inlineData")
    if part.file_data is not None:
        return read_file(part.file_data, f"{at}.fileData")
    raise invalid(at, "a part without content")


def _append(parts: list[Part], part: Part, *, joined: bool) -> None:
    """Add a part; `joined`: the one before it is of another chunk of the same answer."""
    before = parts[-1] if parts else None
    if isinstance(part, Thinking) and isinstance(before, Thinking):
        if before.signature is None and not part.redacted:
            before.text += part.text
            before.signature, before.id, before.summary = part.signature, part.id, part.summary
            return
    elif isinstance(part, Text):
        signature = part.signature
        if joined and before is not None and not part.text and signature is None:
            return  # the last chunk says nothing
        if isinstance(before, Thinking) and before.signature is None and signature is not None:
            if signature.family == FAMILY:
                before.signature, part.signature = signature, None
        elif isinstance(before, Text) and before.signature is None and (joined or not part.text):
            before.text += part.text
            before.signature = signature
            return
    parts.append(part)


def append_said(parts: list[Part], part: Part) -> None:
    """Add a part of an answer, by the same rules."""
    _append(parts, part, joined=False)
