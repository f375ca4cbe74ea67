"""Whole answers of Cohere's chat, read and written.

Source: cohere 7.3, `v2/types/v2chat_response.py` and the types that it names. An answer names no
model and no time; one that was written here has them in `message.sluicegate`.

Log probabilities are told of pieces of text, which may be several tokens: one piece is one token
here, with the sum of its logarithms.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from sluicegate.llm import canonical
from sluicegate.llm.dialects.cohere_chat import wire
from sluicegate.llm.dialects.cohere_chat.read_request import attach
from sluicegate.llm.dialects.cohere_chat.usage import (
    Usage,
    read_stop,
    read_usage,
    unsaid,
    write_stop,
    write_usage,
)
from sluicegate.llm.failure import Malformed
from sluicegate.llm.signature import opened, sealed

OURS: Final = "sluicegate"


class Text(Struct, frozen=True, tag="text"):
    """A text."""

    text: str
    signature: str | None = None


class Thinking(Struct, frozen=True, tag="thinking"):
    """Reasoning."""

    thinking: str
    signature: str | None = None
    redacted: bool = False


class Function(Struct, frozen=True):
    """What is called."""

    name: str = ""
    arguments: str = ""


class ToolCall(Struct, frozen=True):
    """A call."""

    id: str
    function: Function = Function()
    signature: str | None = None


class Message(Struct, frozen=True):
    """What the model says."""

    content: list[Text | Thinking] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_plan: str | None = None
    citations: list[dict[str, Any]] | None = None
    sluicegate: dict[str, Any] | None = None


class LogprobItem(Struct, frozen=True):
    """Of a piece of text."""

    text: str | None = None
    token_ids: list[int] = []
    logprobs: list[float] | None = None


class Response(Struct, frozen=True):
    """The body of a whole answer."""

    id: str
    finish_reason: str
    message: Message
    usage: Usage | None = None
    logprobs: list[LogprobItem] | None = None


class Measured(Struct, frozen=True):
    """As much of an answer as shows that it is one."""

    id: str
    finish_reason: str
    message: msgspec.Raw
    usage: Usage | None = None


RESPONSE: Final = msgspec.json.Decoder(Response)
MEASURED: Final = msgspec.json.Decoder(Measured)
ENCODER: Final = msgspec.json.Encoder()


def measure(body: bytes) -> canonical.Usage | None:
    """Return what an answer used. Raises Malformed."""
    try:
        return read_usage(MEASURED.decode(body).usage)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed("the answer is none of Cohere's chat") from None


def read_answer(body: bytes) -> canonical.Answer:
    """Read a body. Raises Malformed."""
    try:
        response = RESPONSE.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed("the answer is none of Cohere's chat") from None
    message = response.message
    parts = _parts(message)
    extras: dict[str, Any] = {}
    left = attach(message.citations or [], parts)
    if left:
        extras["citations"] = left
    whole = unsaid(response.usage)
    if whole is not None:
        extras["usage"] = whole
    ours = message.sluicegate or {}
    created = ours.get("created")
    choice = canonical.Choice(index=0, parts=parts, stop=read_stop(response.finish_reason))
    if response.logprobs is not None:
        choice.logprobs = [read_logprob(item) for item in response.logprobs]
    return canonical.Answer(
        id=response.id,
        model=str(ours.get("model", "")),
        created=created if isinstance(created, int) else 0,
        choices=[choice],
        usage=read_usage(response.usage),
        extras=extras,
    )


def read_logprob(item: LogprobItem) -> canonical.Logprob:
    """Return a piece of text as one token."""
    return canonical.Logprob(token=item.text or "", logprob=sum(item.logprobs or []))


def write_logprob(token: canonical.Logprob) -> LogprobItem:
    """Return a token as a piece of text. Its number is not known."""
    return LogprobItem(token.token, [], [token.logprob])


def _parts(message: Message) -> list[canonical.Part]:
    parts: list[canonical.Part] = []
    if message.tool_plan:
        parts.append(canonical.Thinking(text=message.tool_plan, id=wire.PLAN))
    for item in message.content or []:
        signed = None if item.signature is None else opened(item.signature, "")
        if isinstance(item, Text):
            parts.append(canonical.Text(text=item.text, signature=signed))
        else:
            parts.append(
                canonical.Thinking(text=item.thinking, signature=signed, redacted=item.redacted)
            )
    for call in message.tool_calls or []:
        signed = None if call.signature is None else opened(call.signature, "")
        parts.append(
            canonical.ToolCall(
                id=call.id,
                name=call.function.name,
                arguments=call.function.arguments,
                signature=signed,
            )
        )
    return parts


# --- writing -------------------------------------------------------------------------------------


def write_answer(answer: canonical.Answer) -> bytes:
    """Write a body: the first choice, for there is one."""
    choice = answer.choices[0]
    extras = dict(answer.extras)
    message = _message(choice.parts, extras.pop("citations", []))
    usage = write_usage(answer.usage, extras.pop("usage", None))
    wordless = {
        "fingerprint": answer.fingerprint,
        "service_tier": answer.service_tier,
        "choices": answer.choices[1:],
        "stop": choice.stop if choice.stop.sequence or choice.stop.reason == "refusal" else None,
        "parts": [part for part in choice.parts if _odd(part)],
        "extras": extras,
    }
    message[OURS] = {"model": answer.model, "created": answer.created} | {
        name: value for name, value in wordless.items() if value
    }
    body: dict[str, Any] = {
        "id": answer.id,
        "finish_reason": write_stop(choice.stop),
        "message": message,
        "usage": usage,
    }
    if choice.logprobs is not None:
        body["logprobs"] = [write_logprob(token) for token in choice.logprobs]
    return ENCODER.encode(body)


def _odd(part: canonical.Part) -> bool:
    """Tell whether there are no words, or no whole ones, for a part."""
    return isinstance(part, canonical.Opaque | canonical.Media | canonical.Refusal) or (
        isinstance(part, canonical.ToolCall) and part.custom
    )


def _message(parts: list[canonical.Part], citations: list[dict[str, Any]]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant"}
    content: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    cited = list(citations)
    for part in parts:
        match part:
            case canonical.Text():
                content.append(signed({"type": "text", "text": part.text}, part.signature))
                cited += part.citations or []
            case canonical.Refusal():
                content.append({"type": "text", "text": part.text})
            case canonical.Thinking() if part.id == wire.PLAN:
                message["tool_plan"] = message.get("tool_plan", "") + part.text
            case canonical.Thinking():
                item: dict[str, Any] = {"type": "thinking", "thinking": part.text}
                if part.redacted:
                    item["redacted"] = True
                content.append(signed(item, part.signature))
            case canonical.ToolCall():
                calls.append(signed(write_call(part), part.signature))
            case _:
                pass  # in the extension
    return message | {
        name: value
        for name, value in (("content", content), ("tool_calls", calls), ("citations", cited))
        if value
    }


def write_call(part: canonical.ToolCall) -> dict[str, Any]:
    """Return a call."""
    function = {"name": part.name, "arguments": part.arguments}
    return {"id": part.id, "type": "function", "function": function}


def signed(item: dict[str, Any], signature: canonical.Signature | None) -> dict[str, Any]:
    """Add a signature, with the name of its family."""
    if signature is not None:
        item["signature"] = sealed(signature, "")
    return item
