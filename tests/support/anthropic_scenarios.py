"""The scenarios as a caller of Anthropic's SDK asks for them: arguments of `messages.create`."""

from __future__ import annotations

from typing import Any

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5Erk"
    "Jggg=="
)
GET_WEATHER = {
    "name": "get_weather",
    "description": "The weather in a city.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
PARIS_CALL = {
    "type": "tool_use",
    "id": "toolu_01Paris",
    "name": "get_weather",
    "input": {"city": "Paris"},
}


def _call(scenario: str, said: str | list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "model": f"scenario-{scenario.replace('_', '-')}",
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": said}],
        **more,
    }


def _image() -> list[dict[str, Any]]:
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    return [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]


def _history() -> list[dict[str, Any]]:
    result = {"type": "tool_result", "tool_use_id": PARIS_CALL["id"], "content": "18 degrees"}
    return [
        {"role": "user", "content": "Weather in Paris?"},
        {"role": "assistant", "content": [PARIS_CALL]},
        {"role": "user", "content": [result]},
    ]


def calls() -> dict[str, dict[str, Any]]:
    """Return the arguments by scenario."""
    cached = [{"type": "text", "text": "You are brief.", "cache_control": {"type": "ephemeral"}}]
    return {
        "text": _call("text", "Say something."),
        "system": _call("system", "Say something.", system="You are brief."),
        "tools": _call("tools", "Weather in Paris?", tools=[GET_WEATHER]),
        "parallel_tools": _call(
            "parallel_tools", "Weather in Paris and London?", tools=[GET_WEATHER]
        ),
        "tool_results": _call("tool_results", "", tools=[GET_WEATHER]) | {"messages": _history()},
        "structured": _call(
            "structured",
            "Who is Ada?",
            output_config={"format": {"type": "json_schema", "schema": PERSON}},
        ),
        "image": _call("image", _image()),
        "reasoning": _call(
            "reasoning",
            "What is two and two?",
            thinking={"type": "adaptive"},
            output_config={"effort": "low"},
        ),
        "stop_sequence": _call("stop_sequence", "Say something.", stop_sequences=["END"]),
        "cached": _call("cached", "Say something.", system=cached),
        "length": _call("length", "Say something.") | {"max_tokens": 4},
        "content_filter": _call("content_filter", "Say something."),
    }
