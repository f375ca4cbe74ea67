"""From a provider's whole answer to the canonical one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sluicegate.llm.canonical import (
    Answer,
    Choice,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from sluicegate.llm.dialects.openai_chat import answer_shape as shape
from sluicegate.llm.dialects.openai_chat.media import image_of
from sluicegate.llm.dialects.openai_chat.signatures import of_block, of_content
from sluicegate.llm.dialects.openai_chat.stops import has_calls, stop_of
from sluicegate.llm.failure import Malformed

if TYPE_CHECKING:
    import msgspec

NAME: Final = "openai_chat"
T = TypeVar("T")


def decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Decode a provider's JSON. Raises Malformed."""
    try:
        return decoder.decode(body)
    except (ValueError, RecursionError):
        raise Malformed("the provider's JSON is not what its dialect says") from None


def read(body: bytes) -> Answer:
    """Return an answer. Raises Malformed."""
    said = decoded(shape.ANSWER, body)
    extras = {name: value for name in shape.EXTRAS if (value := getattr(said, name)) is not None}
    if said.sluicegate is not None:
        extras |= said.sluicegate.extras
    return Answer(
        id=said.id or "",
        model=said.model or "",
        created=int(said.created or 0),
        choices=[_choice(choice) for choice in said.choices],
        usage=None if said.usage is None else shape.usage_of(said.usage, said.service_tier),
        service_tier=said.service_tier,
        fingerprint=said.system_fingerprint,
        extras=extras,
    )


def measure(body: bytes) -> Usage | None:
    """Return what an answer used. Raises Malformed: it is none."""
    said = decoded(shape.MEASURED, body)
    return None if said.usage is None else shape.usage_of(said.usage, said.service_tier)


def _choice(choice: shape.Choice) -> Choice:
    parts = list(_parts(choice.message))
    probable = choice.logprobs
    tokens = None if probable is None else probable.content or probable.refusal
    return Choice(
        index=choice.index,
        parts=parts,
        stop=stop_of(choice.finish_reason, choice.sluicegate, called=has_calls(parts)),
        logprobs=tokens,
    )


def _parts(message: shape.Message) -> Iterable[Part]:
    yield from _thought(message)
    yield from _texts(message)
    if message.refusal:
        yield Refusal(text=message.refusal)
    for image in message.images or ():
        url = image.get("image_url")
        if isinstance(url, dict) and isinstance(url.get("url"), str):
            yield image_of(url["url"])
    if message.audio is not None:
        yield Opaque(dialect=NAME, raw={"audio": message.audio})
    if message.sluicegate is not None:
        yield from map(opaque_of, message.sluicegate.parts)
    for number, call in enumerate(message.tool_calls or ()):
        yield _call(call, number)


def _texts(message: shape.Message) -> Iterable[Text]:
    signature = of_content(message.extra_content)
    citations = citations_of(message) or None
    content = message.content
    if isinstance(content, list):
        content = "".join(text for kind, text in pieces_of(content) if kind == "text")
    if content or signature or citations:
        yield Text(text=content or "", citations=citations, signature=signature)


def citations_of(message: shape.Message) -> list[dict[str, Any]]:
    """Return OpenAI's own as they are, and those that `sluicegate` carries."""
    found = list(message.annotations or ())
    for cited in message.sluicegate.citations if message.sluicegate else ():
        citation = cited.get("citation")
        found.append(citation if isinstance(citation, dict) else cited)
    return found


def pieces_of(content: list[dict[str, Any]]) -> Iterable[tuple[str, str]]:
    """Yield (`text` or `thinking`, text) of Mistral's chunks of content."""
    for chunk in content:
        inner = chunk.get("thinking")
        if isinstance(inner, list):
            for piece in inner:
                if isinstance(piece, dict) and isinstance(piece.get("text"), str):
                    yield "thinking", piece["text"]
        elif isinstance(chunk.get("text"), str):
            yield "text", chunk["text"]


def _thought(message: shape.Message) -> Iterable[Thinking]:
    yield from map(of_block, message.thinking_blocks or ())
    if message.thinking_blocks:
        return
    text = message.reasoning_content or message.reasoning
    if not text and isinstance(message.content, list):
        text = "".join(text for kind, text in pieces_of(message.content) if kind == "thinking")
    if text:
        yield Thinking(text=text)


def opaque_of(part: dict[str, Any]) -> Opaque:
    """Read one of `sluicegate.parts`."""
    raw = part.get("raw")
    return Opaque(dialect=str(part.get("dialect", "")), raw=raw if isinstance(raw, dict) else {})


def _call(call: shape.Call, number: int) -> ToolCall:
    custom = call.custom is not None
    name = call.custom.name if call.custom else call.function.name if call.function else None
    if not name:
        raise Malformed("a call of a tool names no tool")
    text = call.custom.input if call.custom else call.function.arguments if call.function else None
    return ToolCall(
        id=call.id or f"call_{number}",
        name=name,
        arguments=text or ("" if custom else "{}"),
        custom=custom,
        signature=of_content(call.extra_content),
    )
