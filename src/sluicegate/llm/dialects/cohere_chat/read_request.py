"""A chat request of Cohere's to the canonical form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.llm import canonical
from sluicegate.llm.dialects.cohere_chat import wire
from sluicegate.llm.signature import opened
from sluicegate.llm.strict import read_strict

if TYPE_CHECKING:
    from sluicegate.llm.dialect import Incoming

DECODER: Final = msgspec.json.Decoder(wire.Request)
DATA_URI: Final = re.compile(r"data:(?P<type>[^;,]*);base64,(?P<data>.*)", re.DOTALL)
EXTRAS: Final = ("documents", "citation_options", "safety_mode", "priority")
"""Fields of Cohere's alone."""


def read_request(incoming: Incoming, *, drop: bool) -> tuple[canonical.Request, list[str]]:
    """Read a body. Raises CallError."""
    body, dropped = read_strict(DECODER, incoming.body, drop)
    request = canonical.Request(
        dialect=wire.NAME,
        model=body.model,
        messages=[
            _message(message, f"messages[{index}]") for index, message in enumerate(body.messages)
        ],
        stream=body.stream,
        stream_usage=body.stream,
        tools=_tools(body),
        tool_choice=_choice(body.tool_choice),
        max_tokens=body.max_tokens,
        temperature=body.temperature,
        top_p=body.p,
        top_k=body.k,
        stop=body.stop_sequences or [],
        seed=body.seed,
        frequency_penalty=body.frequency_penalty,
        presence_penalty=body.presence_penalty,
        logprobs=body.logprobs,
        format=_format(body.response_format),
        reasoning=_reasoning(body.thinking),
        extras={
            name: msgspec.to_builtins(value)
            for name in EXTRAS
            if (value := getattr(body, name)) is not None
        },
    )
    return request, dropped


def _tools(body: wire.Request) -> list[canonical.Tool]:
    return [
        canonical.Tool(
            name=tool.function.name,
            description=tool.function.description or "",
            parameters=tool.function.parameters,
            strict=body.strict_tools,
            at=f"tools[{index}]",
        )
        for index, tool in enumerate(body.tools or [])
    ]


def _choice(choice: str | None) -> canonical.ToolChoice | None:
    if choice is None:
        return None
    return canonical.ToolChoice(mode="required" if choice == "REQUIRED" else "none")


def _format(wanted: wire.ResponseFormat | None) -> canonical.Format | None:
    if wanted is None:
        return None
    if wanted.json_schema is None:
        return canonical.Format(kind=wanted.type)
    return canonical.Format(kind="json_schema", schema=wanted.json_schema, strict=True)


def _reasoning(thinking: wire.Reasoning | None) -> canonical.Reasoning | None:
    """Return how much to think: as much as it likes, where no budget is said."""
    if thinking is None:
        return None
    if thinking.type == "disabled":
        return canonical.Reasoning(budget=0)
    return canonical.Reasoning(
        budget=-1 if thinking.token_budget is None else thinking.token_budget
    )


# --- messages ------------------------------------------------------------------------------------


def _message(message: wire.Message, at: str) -> canonical.Message:
    match message:
        case wire.User():
            return canonical.Message(role="user", parts=_content(message.content, at), at=at)
        case wire.System():
            return canonical.Message(role="system", parts=_content(message.content, at), at=at)
        case wire.Tool():
            result = canonical.ToolResult(
                id=message.tool_call_id, parts=_given(message.content, at), at=at
            )
            return canonical.Message(role="tool", parts=[result], at=at)
        case wire.Assistant():
            return canonical.Message(role="assistant", parts=_said(message, at), at=at)


def _said(message: wire.Assistant, at: str) -> list[canonical.Part]:
    parts: list[canonical.Part] = []
    if message.tool_plan:
        path = f"{at}.tool_plan"
        parts.append(canonical.Thinking(text=message.tool_plan, id=wire.PLAN, at=path))
    parts += _content(message.content or [], at)
    attach(message.citations or [], parts)
    for index, call in enumerate(message.tool_calls or []):
        parts.append(
            canonical.ToolCall(
                id=call.id,
                name=call.function.name,
                arguments=call.function.arguments,
                signature=None if call.signature is None else opened(call.signature, ""),
                at=f"{at}.tool_calls[{index}]",
            )
        )
    return parts


def attach(citations: list[dict[str, Any]], parts: list[canonical.Part]) -> list[dict[str, Any]]:
    """Put citations to the texts that they are of; return those of anything else.

    `content_index` counts the items of `content`, among which `tool_plan` is not.
    """
    content = [
        part
        for part in parts
        if isinstance(part, canonical.Text)
        or (isinstance(part, canonical.Thinking) and part.id != wire.PLAN)
    ]
    left = []
    for citation in citations:
        index = citation.get("content_index") or 0
        cited = content[index] if isinstance(index, int) and 0 <= index < len(content) else None
        if isinstance(cited, canonical.Text) and citation.get("type") != "PLAN":
            cited.citations = [*(cited.citations or []), citation]
        else:
            left.append(citation)
    return left


def _content(
    content: str | list[wire.Text] | list[wire.Text | wire.Image] | list[wire.Text | wire.Thinking],
    at: str,
) -> list[canonical.Part]:
    if isinstance(content, str):
        return [canonical.Text(text=content, at=f"{at}.content")]
    return [_part(item, f"{at}.content[{index}]") for index, item in enumerate(content)]


def _part(item: wire.Text | wire.Image | wire.Thinking, at: str) -> canonical.Part:
    match item:
        case wire.Text():
            signed = None if item.signature is None else opened(item.signature, "")
            return canonical.Text(text=item.text, signature=signed, at=at)
        case wire.Thinking():
            signed = None if item.signature is None else opened(item.signature, "")
            return canonical.Thinking(
                text=item.thinking, signature=signed, redacted=item.redacted, at=at
            )
        case wire.Image():
            media = canonical.Media(kind="image", detail=item.image_url.detail or "", at=at)
            found = DATA_URI.fullmatch(item.image_url.url)
            if found is None:
                media.url = item.image_url.url
            else:
                media.media_type, media.data = found["type"], found["data"]
            return media


def _given(
    content: str | list[wire.Text | wire.DocumentContent], at: str
) -> list[canonical.Text | canonical.Media]:
    if isinstance(content, str):
        return [canonical.Text(text=content, at=f"{at}.content")]
    parts: list[canonical.Text | canonical.Media] = []
    for index, item in enumerate(content):
        path = f"{at}.content[{index}]"
        if isinstance(item, wire.Text):
            parts.append(canonical.Text(text=item.text, at=path))
            continue
        parts.append(
            canonical.Media(
                kind="document",
                media_type="application/json",
                text=msgspec.json.encode(item.document.data).decode(),
                name=item.document.id or "",
                at=path,
            )
        )
    return parts
