"""Whole answers written as responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import json

from sluicegate.llm.dialects.openai_responses.extension import extension_of, is_foreign
from sluicegate.llm.dialects.openai_responses.output_items import (
    id_of,
    item_of,
    joins,
    response_of,
    stop_fields,
    usage_fields,
)

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Answer, Logprob, Part, Request


def write_answer(answer: Answer, request: Request) -> bytes:
    """Write an answer; the first choice of it, since nobody can ask for more here."""
    choice = answer.choices[0]
    response = response_of(request, answer.id, answer.model, answer.created, answer.service_tier)
    fields, plain = stop_fields(choice.stop, choice.parts)
    response |= fields
    response["output"] = _items(choice.parts, answer.id, choice.logprobs, request)
    response["usage"] = usage_fields(answer.usage)
    extension = extension_of(answer, choice.parts, choice.stop, plain=plain)
    if extension:
        response["sluicegate"] = extension
    return json.encode(response)


def wants_summary(request: Request) -> bool:
    """Say whether a caller asked for summaries: it then gets thoughts where it looks for them."""
    return request.reasoning is not None and request.reasoning.summary is not None


def _items(
    parts: list[Part], answer_id: str, logprobs: list[Logprob] | None, request: Request
) -> list[dict[str, Any]]:
    groups: list[list[Part]] = []
    for part in parts:
        if is_foreign(part):
            continue
        if groups and joins(groups[-1][-1], part):
            groups[-1].append(part)
        else:
            groups.append([part])
    items = []
    for index, group in enumerate(groups):
        item_id = id_of(group[0], answer_id, index)
        item = item_of(group, item_id, logprobs=logprobs, summed=wants_summary(request))
        logprobs = None if item["type"] == "message" else logprobs
        items.append(item)
    return items
