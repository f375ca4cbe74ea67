"""The Google Gen AI SDK: client.models."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google import genai
from google.genai import errors, types

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
)

DECLARED = {"name": TOOL, "description": ABOUT, "parameters_json_schema": SCHEMA}


class Models:
    """client.models."""

    name = "google-genai"
    dialect = "gemini_generate"
    stops = {
        "end": {"STOP"},
        "length": {"MAX_TOKENS"},
        "tool_calls": {"STOP"},
        "content_filter": {"SAFETY"},
    }
    errors = errors_of(
        lambda status: "ClientError" if status < 500 else "ServerError",
        server_error_in_stream=("ServerError", 500),
        overloaded_in_stream=("ServerError", 503),
    )

    def __init__(self, url: str, key: str) -> None:
        self.client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url))

    def ask(self, model: str, scenario: str, *, stream: bool, back: Said | None = None) -> Said:
        call = generate_call(model, scenario, back)
        if not stream:
            answer = self.client.models.generate_content(**call)
            return _of_answers([answer], answer.parsed)
        chunks = list(self.client.models.generate_content_stream(**call))
        said = _of_answers(chunks, None)
        said.pieces = sum(bool(chunk.text) for chunk in chunks if chunk.candidates)
        return said

    def refused(self, error: Exception) -> Refused | None:
        if not isinstance(error, errors.APIError):
            return None
        headers = getattr(error.response, "headers", None) or {}
        return Refused(classes_of(error), error.code, str(error), headers.get("retry-after"))

    @contextmanager
    def first_of(self, model: str) -> Iterator[Iterator[Any]]:
        call = generate_call(model, "text", None)
        stream = self.client.models.generate_content_stream(**call)
        try:
            yield stream
        finally:
            stream.close()

    async def whole(self, model: str) -> None:
        await self.client.aio.models.generate_content(**generate_call(model, "text", None))

    def close(self) -> None:
        self.client.close()


def generate_call(model: str, scenario: str, back: Said | None) -> dict[str, Any]:
    """Return what `generate_content` is given."""
    parts = [types.Part(text=USER[scenario])]
    if scenario == "image":
        parts.append(types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png"))
    contents: list[Any] = [types.Content(role="user", parts=parts)]
    config: dict[str, Any] = {}
    if scenario in ("tools", "parallel_tools", "tool_results"):
        config["tools"] = [{"function_declarations": [DECLARED]}]
        config["automatic_function_calling"] = {"disable": True}
    if scenario == "tool_results":
        made = types.FunctionCall(name=TOOL, args={"city": CITY})
        given = types.FunctionResponse(name=TOOL, response={"output": RESULT})
        contents.append(types.Content(role="model", parts=[types.Part(function_call=made)]))
        contents.append(types.Content(role="user", parts=[types.Part(function_response=given)]))
    if scenario in ("reasoning", "handed_back"):
        config["thinking_config"] = {"thinking_budget": 1024, "include_thoughts": True}
    if back is not None:
        contents += [*back.turn, types.Content(role="user", parts=[types.Part(text=AGAIN)])]
    fields: dict[str, Any] = {
        "system": {"system_instruction": BRIEF},
        "cached": {"system_instruction": BRIEF},
        "structured": {"response_mime_type": "application/json", "response_schema": Person},
        "stop_sequence": {"stop_sequences": ["END"]},
        "length": {"max_output_tokens": MOST},
    }
    config |= fields.get(scenario, {})
    return {"model": model, "contents": contents, "config": config or None}


def _of_answers(answers: list[types.GenerateContentResponse], parsed: object) -> Said:
    said = Said(parsed=parsed)
    turn: list[types.Part] = []
    for answer in answers:
        for candidate in answer.candidates or []:
            if candidate.finish_reason is not None:
                said.stop = candidate.finish_reason.value
            turn += (candidate.content and candidate.content.parts) or []
        if answer.usage_metadata is not None:
            said.usage = _usage(answer.usage_metadata)
    for part in turn:
        if part.thought:
            said.thinking += part.text or ""
        elif part.function_call is not None:
            said.calls.append((part.function_call.name or "", part.function_call.args))
        else:
            said.text += part.text or ""
        if part.thought_signature:
            said.signature += base64.b64encode(part.thought_signature).decode()
    said.turn = [types.Content(role="model", parts=turn)]
    return said


def _usage(usage: types.GenerateContentResponseUsageMetadata) -> tuple[int, int, int, int]:
    thoughts = usage.thoughts_token_count or 0
    return (
        usage.prompt_token_count or 0,
        (usage.candidates_token_count or 0) + thoughts,
        usage.cached_content_token_count or 0,
        thoughts,
    )
