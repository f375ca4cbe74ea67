"""Whole responses, and what they have in common with the last event of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from sluicegate.llm.canonical import (
    Answer,
    Choice,
    Logprob,
    Opaque,
    Part,
    Refusal,
    Stop,
    StopReason,
    Text,
    ToolCall,
    TopLogprob,
    Usage,
)
from sluicegate.llm.dialects.openai_chat.signatures import of_content
from sluicegate.llm.dialects.openai_responses import answer_shape as shape
from sluicegate.llm.dialects.openai_responses.extension import (
    citations_of,
    restore,
)
from sluicegate.llm.dialects.openai_responses.failures import failure_of
from sluicegate.llm.dialects.openai_responses.input_reader import thoughts
from sluicegate.llm.failure import AnswerFailed, Malformed
from sluicegate.llm.usage_beside import with_beside

if TYPE_CHECKING:
    from msgspec import Raw

REASONS: Final[dict[str | None, StopReason]] = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
}
"""openai/types/responses/response.py, IncompleteDetails. Others are a kind of `length`."""


def read_answer(body: bytes) -> Answer:
    """Read a whole answer. Raises Malformed; AnswerFailed where it says that it failed."""
    try:
        response = shape.RESPONSE.decode(body)
        parts, logprobs = read_items(response.output)
    except (ValueError, RecursionError):
        raise Malformed("the answer is no response") from None
    usage = usage_of(response.usage, response.service_tier)
    extension = response.sluicegate or {}
    stop = restore(extension, parts) or stop_of(response, parts)
    fingerprint, extras = extension.get("fingerprint"), extension.get("extras")
    return Answer(
        id=response.id,
        model=response.model,
        created=int(response.created_at),
        choices=[Choice(index=0, parts=parts, stop=stop, logprobs=logprobs or None)],
        usage=usage,
        service_tier=response.service_tier,
        fingerprint=fingerprint if isinstance(fingerprint, str) else None,
        extras={**extras_of(response), **(extras if isinstance(extras, dict) else {})},
    )


def measure(body: bytes) -> Usage | None:
    """Return what a whole answer used. Raises Malformed; AnswerFailed where it failed.

    One that goes on in the background has used nothing yet.
    """
    try:
        response = shape.MEASURED.decode(body)
    except (ValueError, RecursionError):
        raise Malformed("the answer is no response") from None
    if response.object != "response":
        raise Malformed("the answer is no response")
    if response.status == "failed":
        raise AnswerFailed(failure_of(response.error))
    return usage_of(response.usage, response.service_tier)


def extras_of(response: shape.Response) -> dict[str, object]:
    """Return what only this API says about an answer."""
    return {name: value for name in shape.EXTRAS if (value := getattr(response, name)) is not None}


def usage_of(used: shape.Used | None, tier: str | None) -> Usage | None:
    """Read the tokens. `input` holds those cached, as here; `tier` is the response's."""
    if used is None:
        return None
    of_input = used.input_tokens_details or shape.InputDetails()
    of_output = used.output_tokens_details or shape.OutputDetails()
    usage = Usage(
        input=used.input_tokens,
        output=used.output_tokens,
        cached=of_input.cached_tokens or 0,
        cache_write=of_input.cache_write_tokens or 0,
        reasoning=of_output.reasoning_tokens or 0,
        tier=tier or "",
    )
    return with_beside(usage, used.sluicegate)


def stop_of(response: shape.Response, parts: list[Part]) -> Stop:
    """Read why an answer ended. Raises Malformed: it has not; AnswerFailed: by failing."""
    if response.status == "failed":
        raise AnswerFailed(failure_of(response.error))
    if response.status == "incomplete":
        reason = response.incomplete_details.reason if response.incomplete_details else None
        detail = "" if reason in REASONS else reason or ""
        return Stop(reason=REASONS.get(reason, "length"), detail=detail)
    if response.status not in {"completed", None}:
        raise Malformed("the response is not complete")
    if any(isinstance(part, ToolCall) for part in parts):
        return Stop(reason="tool_calls")
    if any(isinstance(part, Refusal) for part in parts):
        return Stop(reason="refusal")
    return Stop(reason="end")


def read_items(output: list[Raw]) -> tuple[list[Part], list[Logprob]]:
    """Read items. Raises ValueError, of which msgspec's errors are."""
    parts: list[Part] = []
    logprobs: list[Logprob] = []
    for raw in output:
        found, tokens = read_item(raw)
        parts += found
        logprobs += tokens
    return parts, logprobs


def read_item(raw: Raw) -> tuple[list[Part], list[Logprob]]:
    """Read one item. Raises ValueError."""
    item = shape.ITEM.decode(raw) if shape.KIND.decode(raw).type in shape.READ else None
    if item is None or not _is_known(item):
        return [Opaque(dialect="openai_responses", raw=shape.PLAIN.decode(raw))], []
    if item.type == "message":
        content = item.content or []
        tokens = [read_logprob(token) for each in content for token in each.logprobs or ()]
        return [read_content(each) for each in content], tokens
    if item.type == "reasoning":
        summary = [each.text or "" for each in item.summary or ()]
        text = [each.text or "" for each in item.content or ()]
        found = thoughts(item.id, summary, text, item.encrypted_content)
        return [part for part in found if part.text or part.signature is not None], []
    return [read_call(item)], []


def _is_known(item: shape.Item) -> bool:
    return item.type != "message" or all(
        each.type in {"output_text", "refusal"} for each in item.content or ()
    )


def read_content(content: shape.Content) -> Text | Refusal:
    """Read a part of a message."""
    if content.type == "refusal":
        return Refusal(text=content.refusal or "")
    return Text(
        text=content.text or "",
        citations=citations_of(content.annotations, content.sluicegate),
        signature=of_content(content.extra_content),
    )


def read_call(item: shape.Item) -> ToolCall:
    """Read a call of a tool. Raises ValueError: it has no name."""
    if item.name is None:
        raise msgspec.ValidationError("a call without a name")
    custom = item.type == "custom_tool_call"
    return ToolCall(
        id=item.call_id or item.id or "",
        name=item.name,
        arguments=(item.input if custom else item.arguments) or "",
        custom=custom,
        signature=of_content(item.extra_content),
    )


def read_logprob(token: shape.Logprob) -> Logprob:
    """Read a token."""
    return Logprob(
        token=token.token,
        logprob=token.logprob,
        bytes=token.bytes or None,
        top_logprobs=[
            TopLogprob(token=top.token, logprob=top.logprob, bytes=top.bytes or None)
            for top in token.top_logprobs or ()
        ],
    )
