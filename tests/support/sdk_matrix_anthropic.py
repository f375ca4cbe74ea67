"""The Anthropic SDK: client.messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic

from support.sdk_matrix_said import (
    ABOUT,
    AGAIN,
    BRIEF,
    CITY,
    MOST,
    PNG,
    RESULT,
    SCHEMA,
    TOOL,
    USER,
    Person,
    Refused,
    Said,
    errors_of,
    name_of,
    refused_with,
)


class Messages:
    """client.messages."""

    name = "anthropic"
    dialect = "anthropic_messages"
    stops = {
        "end": {"end_turn", "stop_sequence"},
        "length": {"max_tokens"},
        "tool_calls": {"tool_use"},
        "content_filter": {"refusal"},
    }
    errors = errors_of(
        name_of,
        overloaded=("OverloadedError", 529),
        server_error_in_stream=("APIStatusError", 200),
        overloaded_in_stream=("APIStatusError", 200),
    )

    def __init__(self, url: str, key: str) -> None:
        self.client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)
        self._url, self._key = url, key

    def ask(self, model: str, scenario: str, *, stream: bool, back: Said | None = None) -> Said:
        call = messages_call(model, scenario, back)
        if scenario == "structured":
            call["output_format"] = Person
        if not stream:
            messages = self.client.messages
            made = messages.parse if scenario == "structured" else messages.create
            return _of_message(made(**call))
        with self.client.messages.stream(**call) as events:
            pieces = sum(event.type == "text" for event in events)
            said = _of_message(events.get_final_message())
        said.pieces = pieces
        return said

    def refused(self, error: Exception) -> Refused | None:
        return refused_with(error) if isinstance(error, anthropic.APIStatusError) else None

    @contextmanager
    def first_of(self, model: str) -> Iterator[Iterator[Any]]:
        call = messages_call(model, "text", None)
        with self.client.messages.create(**call, stream=True) as stream:
            yield (event for event in stream if event.type == "content_block_delta")

    async def whole(self, model: str) -> None:
        client = anthropic.AsyncAnthropic(base_url=self._url, api_key=self._key, max_retries=0)
        async with client:
            await client.messages.create(**messages_call(model, "text", None))

    def close(self) -> None:
        self.client.close()


def messages_call(model: str, scenario: str, back: Said | None) -> dict[str, Any]:
    """Return what `create` is given."""
    user: Any = USER[scenario]
    if scenario == "image":
        source = {"type": "base64", "media_type": "image/png", "data": PNG}
        user = [{"type": "text", "text": user}, {"type": "image", "source": source}]
    messages: list[Any] = [{"role": "user", "content": user}]
    call: dict[str, Any] = {"model": model, "max_tokens": 2048, "messages": messages}
    if scenario in ("tools", "parallel_tools", "tool_results"):
        call["tools"] = [{"name": TOOL, "description": ABOUT, "input_schema": SCHEMA}]
    if scenario == "tool_results":
        made = {"type": "tool_use", "id": "toolu_1", "name": TOOL, "input": {"city": CITY}}
        given = {"type": "tool_result", "tool_use_id": "toolu_1", "content": RESULT}
        messages.append({"role": "assistant", "content": [made]})
        messages.append({"role": "user", "content": [given]})
    if scenario in ("reasoning", "handed_back"):
        call["thinking"] = {"type": "enabled", "budget_tokens": 1024}
    if back is not None:
        messages += [*back.turn, {"role": "user", "content": AGAIN}]
    marked = {"type": "text", "text": BRIEF, "cache_control": {"type": "ephemeral"}}
    fields: dict[str, Any] = {
        "system": {"system": BRIEF},
        "stop_sequence": {"stop_sequences": ["END"]},
        "cached": {"system": [marked]},
        "length": {"max_tokens": MOST},
    }
    return call | fields.get(scenario, {})


def _of_message(message: Any) -> Said:
    blocks = message.content
    thoughts = [block for block in blocks if block.type == "thinking"]
    usage = message.usage
    cached = usage.cache_read_input_tokens or 0
    details = usage.output_tokens_details
    return Said(
        text="".join(block.text for block in blocks if block.type == "text"),
        thinking="".join(block.thinking for block in thoughts),
        signature="".join(block.signature for block in thoughts),
        calls=[(block.name, block.input) for block in blocks if block.type == "tool_use"],
        stop=message.stop_reason,
        usage=(
            usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0),
            usage.output_tokens,
            cached,
            0 if details is None else details.thinking_tokens,
        ),
        parsed=getattr(message, "parsed_output", None),
        turn=[{"role": "assistant", "content": [block.to_dict() for block in blocks]}],
    )
