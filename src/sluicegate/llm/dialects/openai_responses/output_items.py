"""Parts of an answer to items of a response, and what is around the items.

Words and refusals that follow each other are one `message`; thoughts of the same id are one
`reasoning`; a call is an item of its own. Sources: openai/types/responses/response_output_item.py,
response.py, response_usage.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.llm.canonical import (
    Logprob,
    Opaque,
    Part,
    Refusal,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from sluicegate.llm.dialects.openai_chat.signatures import as_content
from sluicegate.llm.dialects.openai_responses.call_writer import (
    written_choice,
    written_reasoning,
    written_text,
    written_tool,
)
from sluicegate.llm.dialects.openai_responses.extension import made_id, parted_citations
from sluicegate.llm.signature import sealed
from sluicegate.llm.usage_beside import beside

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Request

PREFIXES: Final = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "custom_tool_call": "ctc",
}
"""Of the ids of items."""
WORDLESS: Final = (
    "cache_write_1h", "audio_input", "audio_output", "image_input", "image_output",
)  # fmt: skip
"""Tokens that this API does not count."""
INCOMPLETE: Final = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
    "refusal": "content_filter",
}


def joins(last: Part, part: Part) -> bool:
    """Say whether a part is of the same item as the part before it."""
    if isinstance(part, Text | Refusal):
        return isinstance(last, Text | Refusal)
    return (
        isinstance(part, Thinking)
        and isinstance(last, Thinking)
        and bool(part.id)
        and part.id == last.id
    )


def kind_of(part: Part) -> str:
    """Return the type of the item that holds a part."""
    if isinstance(part, Thinking):
        return "reasoning"
    if isinstance(part, ToolCall):
        return "custom_tool_call" if part.custom else "function_call"
    return "message"


def id_of(part: Part, answer_id: str, index: int) -> str:
    """Return the id of the item that a part begins: as the provider gave it, or a made one."""
    if isinstance(part, Thinking) and part.id:
        return part.id
    return made_id(PREFIXES[kind_of(part)], answer_id, index)


def item_of(
    parts: list[Part],
    item_id: str,
    *,
    status: str = "completed",
    logprobs: list[Logprob] | None = None,
    summed: bool = False,
) -> dict[str, Any]:
    """Write the item of some parts, which join.

    `logprobs` go to the first text. `summed`: thoughts are shown as summaries, whatever they are.
    """
    first = parts[0]
    if isinstance(first, Opaque):
        return first.raw
    item: dict[str, Any] = {"id": item_id, "type": kind_of(first)}
    if isinstance(first, Thinking):
        return {**item, **_thought(parts, summed=summed)}
    item["status"] = status
    if isinstance(first, ToolCall):
        item |= {"call_id": first.id, "name": first.name}
        item["input" if first.custom else "arguments"] = first.arguments
        if first.signature is not None:
            item["extra_content"] = as_content(first.signature)
        return item
    content = []
    for part in parts:
        content.append(content_of(part, logprobs))
        logprobs = None if isinstance(part, Text) else logprobs
    return {**item, "role": "assistant", "content": content}


def is_summary(part: Thinking, *, summed: bool) -> bool:
    """Say whether a thought stands in the `summary` of its item, not in its `content`."""
    return summed or part.summary


def _thought(parts: list[Part], *, summed: bool) -> dict[str, Any]:
    thoughts = [part for part in parts if isinstance(part, Thinking)]
    shown = [part for part in thoughts if part.text]
    said: dict[str, Any] = {
        "summary": [
            {"type": "summary_text", "text": part.text}
            for part in shown
            if is_summary(part, summed=summed)
        ]
    }
    content = [
        {"type": "reasoning_text", "text": part.text}
        for part in shown
        if not is_summary(part, summed=summed)
    ]
    if content:
        said["content"] = content
    for part in thoughts:
        if part.signature is not None:
            said["encrypted_content"] = sealed(part.signature, "openai")
    return said


def content_of(part: Part, logprobs: list[Logprob] | None = None) -> dict[str, Any]:
    """Write a part of a message."""
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    if not isinstance(part, Text):
        return {}
    ours, others = parted_citations(part.citations)
    written: dict[str, Any] = {
        "type": "output_text",
        "text": part.text,
        "annotations": ours,
        "logprobs": logprobs_of(logprobs or []),
    }
    if part.signature is not None:
        written["extra_content"] = as_content(part.signature)
    if others:
        written["sluicegate"] = {"citations": others}
    return written


def logprobs_of(tokens: list[Logprob]) -> list[dict[str, Any]]:
    """Write tokens."""
    return [
        {
            "token": token.token,
            "logprob": token.logprob,
            "bytes": token.bytes or [],
            "top_logprobs": [
                {"token": top.token, "logprob": top.logprob, "bytes": top.bytes or []}
                for top in token.top_logprobs
            ],
        }
        for token in tokens
    ]


# --- around the items -----------------------------------------------------------------------------


def response_of(
    request: Request, answer_id: str, model: str, created: int, service_tier: str | None
) -> dict[str, Any]:
    """Write a response that has just begun, with what the API repeats of a request."""
    first = request.messages[0] if request.messages else None
    said = first.parts[0] if first is not None and first.at == "instructions" else None
    choice = request.tool_choice
    return {
        "id": answer_id,
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": said.text if isinstance(said, Text) else None,
        "max_output_tokens": request.max_tokens,
        "model": model,
        "output": [],
        "parallel_tool_calls": request.parallel_tools is not False,
        "previous_response_id": None,
        "reasoning": written_reasoning(request.reasoning) if request.reasoning else None,
        "service_tier": service_tier,
        "store": False,
        "temperature": request.temperature,
        "text": {"format": {"type": "text"}, **written_text(request)},
        "tool_choice": "auto" if choice is None else written_choice(choice, request.tools),
        "tools": [written_tool(tool) for tool in request.tools],
        "top_p": request.top_p,
        "truncation": "disabled",
        "usage": None,
        "user": request.user,
        "metadata": request.metadata or {},
    }


def stop_fields(stop: Stop, parts: list[Part]) -> tuple[dict[str, Any], bool]:
    """Write why a response ended, and whether that says all about it.

    A refusal without words of the model is incomplete, so that nobody takes it for an answer.
    """
    calls = any(isinstance(part, ToolCall) for part in parts)
    refuses = any(isinstance(part, Refusal) for part in parts)
    reason = INCOMPLETE.get(stop.reason)
    if stop.reason == "refusal" and refuses:
        reason = None
    fields = {
        "status": "completed" if reason is None else "incomplete",
        "incomplete_details": None if reason is None else {"reason": reason},
    }
    read = "tool_calls" if calls else "refusal" if refuses else "end"
    if reason is not None:
        read = "length" if stop.reason == "length" else "content_filter"
    plain = stop.reason == read and not stop.detail and stop.sequence is None
    return fields, plain


def usage_fields(usage: Usage | None) -> dict[str, Any] | None:
    """Write the tokens."""
    if usage is None:
        return None
    said = beside(usage, *WORDLESS)
    return {
        "input_tokens": usage.input,
        "input_tokens_details": {
            "cached_tokens": usage.cached,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
        **({} if said is None else {"sluicegate": msgspec.to_builtins(said)}),
    }
