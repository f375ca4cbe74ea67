"""The OpenAI SDK's two ways to call a model: chat.completions and responses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import openai

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
    classes_of,
    errors_of,
    name_of,
    refused_with,
)

ARGUMENTS = json.dumps({"city": CITY})
URL = f"data:image/png;base64,{PNG}"


class OpenAI:
    """What both ways have in common."""

    errors = errors_of(
        name_of, server_error_in_stream=("APIError", 0), overloaded_in_stream=("APIError", 0)
    )

    def __init__(self, url: str, key: str) -> None:
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
        self._url, self._key = url, key

    def refused(self, error: Exception) -> Refused | None:
        if isinstance(error, openai.APIStatusError):
            return refused_with(error)
        if isinstance(error, openai.APIError):
            return Refused(classes_of(error), 0, str(error))
        return None

    def aside(self) -> openai.AsyncOpenAI:
        """Return an async client, for one call."""
        return openai.AsyncOpenAI(base_url=f"{self._url}/v1", api_key=self._key, max_retries=0)

    def close(self) -> None:
        self.client.close()


class Chat(OpenAI):
    """client.chat.completions."""

    name = "openai, chat.completions"
    dialect = "openai_chat"
    stops = {
        "end": {"stop"},
        "length": {"length"},
        "tool_calls": {"tool_calls"},
        "content_filter": {"content_filter"},
    }

    def ask(self, model: str, scenario: str, *, stream: bool, back: Said | None = None) -> Said:
        call = chat_call(model, scenario, back)
        completions = self.client.chat.completions
        if scenario == "structured" and not stream:
            return _of_completion(completions.parse(response_format=Person, **call))
        if not stream:
            return _of_completion(completions.create(**call))
        if scenario == "structured":
            call["response_format"] = Person
        pieces = 0
        usage = {"stream_options": {"include_usage": True}}
        with completions.stream(**call, **usage) as events:
            for event in events:
                pieces += event.type == "content.delta"
            # The final completion of a cut answer is an exception, whatever was asked.
            parsed = scenario == "structured"
            whole = events.get_final_completion() if parsed else events.current_completion_snapshot
            said = _of_completion(whole)
        said.pieces = pieces
        return said

    @contextmanager
    def first_of(self, model: str) -> Iterator[Iterator[Any]]:
        call = chat_call(model, "text", None)
        with self.client.chat.completions.create(**call, stream=True) as stream:
            yield (chunk for chunk in stream if chunk.choices and chunk.choices[0].delta.content)

    async def whole(self, model: str) -> None:
        async with self.aside() as client:
            await client.chat.completions.create(**chat_call(model, "text", None))


def chat_call(model: str, scenario: str, back: Said | None) -> dict[str, Any]:
    """Return what `create` is given."""
    user: Any = USER[scenario]
    if scenario == "image":
        picture = {"type": "image_url", "image_url": {"url": URL}}
        user = [{"type": "text", "text": user}, picture]
    messages: list[Any] = [{"role": "user", "content": user}]
    if scenario in ("system", "cached"):
        messages.insert(0, {"role": "system", "content": BRIEF})
    call: dict[str, Any] = {"model": model, "messages": messages}
    if scenario in ("tools", "parallel_tools", "tool_results"):
        function = {"name": TOOL, "description": ABOUT, "parameters": SCHEMA, "strict": True}
        call["tools"] = [{"type": "function", "function": function}]
    if scenario == "tool_results":
        function = {"name": TOOL, "arguments": ARGUMENTS}
        made = {"id": "call_1", "type": "function", "function": function}
        messages.append({"role": "assistant", "content": None, "tool_calls": [made]})
        messages.append({"role": "tool", "tool_call_id": "call_1", "content": RESULT})
    if scenario in ("reasoning", "handed_back"):
        call["reasoning_effort"] = "low"
    if back is not None:
        messages += [*back.turn, {"role": "user", "content": AGAIN}]
    fields = {
        "stop_sequence": {"stop": ["END"]},
        "cached": {"prompt_cache_key": "scenario"},
        "length": {"max_completion_tokens": MOST},
    }
    return call | fields.get(scenario, {})


def _of_completion(completion: Any) -> Said:
    choice = completion.choices[0]
    message = choice.message
    more = message.model_extra or {}
    blocks = more.get("thinking_blocks") or []
    usage = completion.usage
    turn = message.model_dump(exclude_none=True, exclude={"parsed", "annotations", "refusal"})
    return Said(
        text=message.content or "",
        thinking=more.get("reasoning_content") or "",
        signature="".join(block.get("signature") or "" for block in blocks),
        calls=[
            (call.function.name, json.loads(call.function.arguments))
            for call in message.tool_calls or []
        ],
        stop=choice.finish_reason,
        usage=(
            usage.prompt_tokens,
            usage.completion_tokens,
            _or_0(usage.prompt_tokens_details, "cached_tokens"),
            _or_0(usage.completion_tokens_details, "reasoning_tokens"),
        ),
        parsed=getattr(message, "parsed", None),
        turn=[turn],
    )


class Responses(OpenAI):
    """client.responses."""

    name = "openai, responses"
    dialect = "openai_responses"
    stops = {
        "end": {"completed"},
        "length": {"max_output_tokens"},
        "tool_calls": {"completed"},
        "content_filter": {"content_filter", "completed"},
    }

    def ask(self, model: str, scenario: str, *, stream: bool, back: Said | None = None) -> Said:
        call = responses_call(model, scenario, back)
        responses = self.client.responses
        if scenario == "structured":
            call["text_format"] = Person
        if not stream:
            made = responses.parse if scenario == "structured" else responses.create
            return _of_response(made(**call))
        pieces = 0
        with responses.stream(**call) as events:
            for event in events:
                pieces += event.type == "response.output_text.delta"
                if event.type in ("response.incomplete", "response.completed"):
                    last = event.response
            said = _of_response(last)
        said.pieces = pieces
        return said

    @contextmanager
    def first_of(self, model: str) -> Iterator[Iterator[Any]]:
        call = responses_call(model, "text", None)
        with self.client.responses.create(**call, stream=True) as stream:
            yield (event for event in stream if event.type == "response.output_text.delta")

    async def whole(self, model: str) -> None:
        async with self.aside() as client:
            await client.responses.create(**responses_call(model, "text", None))


def responses_call(model: str, scenario: str, back: Said | None) -> dict[str, Any]:
    """Return what `create` is given."""
    user: Any = USER[scenario]
    if scenario == "image":
        picture = {"type": "input_image", "detail": "auto", "image_url": URL}
        user = [{"type": "input_text", "text": user}, picture]
    items: list[Any] = [{"role": "user", "content": user}]
    call: dict[str, Any] = {"model": model, "input": items, "store": False}
    if scenario in ("system", "cached"):
        call["instructions"] = BRIEF
    if scenario in ("tools", "parallel_tools", "tool_results"):
        tool = {"name": TOOL, "description": ABOUT, "parameters": SCHEMA, "strict": True}
        call["tools"] = [{"type": "function", **tool}]
    if scenario == "tool_results":
        made = {"type": "function_call", "call_id": "call_1", "name": TOOL}
        items.append({**made, "arguments": ARGUMENTS})
        items.append({"type": "function_call_output", "call_id": "call_1", "output": RESULT})
    if scenario in ("reasoning", "handed_back"):
        call["reasoning"] = {"effort": "low", "summary": "auto"}
        call["include"] = ["reasoning.encrypted_content"]
    if back is not None:
        items += [*back.turn, {"role": "user", "content": AGAIN}]
    fields: dict[str, Any] = {
        "cached": {"prompt_cache_key": "scenario"},
        "length": {"max_output_tokens": MOST},
    }
    return call | fields.get(scenario, {})


def _of_response(response: Any) -> Said:
    thoughts = [item for item in response.output if item.type == "reasoning"]
    usage = response.usage
    why = response.incomplete_details
    return Said(
        text=response.output_text,
        thinking="".join(
            part.text
            for item in thoughts
            for part in [*(item.summary or []), *(item.content or [])]
        ),
        signature="".join(item.encrypted_content or "" for item in thoughts),
        calls=[
            (item.name, json.loads(item.arguments))
            for item in response.output
            if item.type == "function_call"
        ],
        stop=response.status if why is None else why.reason,
        usage=(
            usage.input_tokens,
            usage.output_tokens,
            _or_0(usage.input_tokens_details, "cached_tokens"),
            _or_0(usage.output_tokens_details, "reasoning_tokens"),
        ),
        parsed=getattr(response, "output_parsed", None),
        turn=[item.model_dump(exclude_none=True) for item in response.output],
    )


def _or_0(details: Any, name: str) -> int:
    return (getattr(details, name, None) or 0) if details is not None else 0
