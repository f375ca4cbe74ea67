"""The official google-genai SDK, as it stands: what it sends, and what it makes of answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

GOLDEN = Path(__file__).parents[1] / "golden" / "llm" / "gemini_generate"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            description="Get the weather.",
            parameters=types.Schema(
                type=types.Type.OBJECT,
                properties={"city": types.Schema(type=types.Type.STRING)},
                required=["city"],
            ),
        )
    ]
)
PERSON = {
    "type": "OBJECT",
    "properties": {"name": {"type": "STRING"}, "age": {"type": "INTEGER"}},
    "required": ["name", "age"],
}
CALLED = types.Part(
    function_call=types.FunctionCall(id="call_paris", name="get_weather", args={"city": "Paris"}),
    thought_signature=b"signature",
)
RESULT = types.Part(
    function_response=types.FunctionResponse(
        id="call_paris", name="get_weather", response={"output": "18 degrees"}
    )
)
SCENARIOS = (
    "text",
    "system",
    "tools",
    "parallel_tools",
    "tool_results",
    "structured",
    "image",
    "reasoning",
    "stop_sequence",
    "cached",
    "length",
    "content_filter",
)
ERRORS = (
    "invalid_request",
    "authentication",
    "permission",
    "not_found",
    "context_length",
    "content_filter",
    "rate_limited",
    "quota",
    "overloaded",
    "server_error",
)


def call_of(scenario: str) -> dict[str, Any]:
    """Return the arguments of `generate_content` for a scenario, as a user writes them."""
    model = "scenario-" + scenario.replace("_", "-")
    contents: Any = "Say something."
    config: types.GenerateContentConfig | None = None
    make = types.GenerateContentConfig
    match scenario:
        case "system":
            config = make(system_instruction="You are brief.")
        case "tools":
            contents, config = "Weather in Paris?", make(tools=[WEATHER])
        case "parallel_tools":
            contents, config = "Weather in Paris and London?", make(tools=[WEATHER])
        case "tool_results":
            contents = [
                types.Content(role="user", parts=[types.Part(text="Weather in Paris?")]),
                types.Content(role="model", parts=[CALLED]),
                types.Content(role="user", parts=[RESULT]),
            ]
            config = make(tools=[WEATHER])
        case "structured":
            contents = "Who wrote the first program?"
            config = make(response_mime_type="application/json", response_schema=PERSON)
        case "image":
            contents = [
                types.Part.from_bytes(data=PNG, mime_type="image/png"),
                types.Part(text="What is this?"),
            ]
        case "reasoning":
            contents = "What is two and two?"
            thinking = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
            config = make(thinking_config=thinking)
        case "stop_sequence":
            config = make(stop_sequences=["END"])
        case "length":
            config = make(max_output_tokens=4)
    return {"model": model, "contents": contents, "config": config}


class Sdk:
    """A client whose transport keeps what is sent, and plays one answer to all of it."""

    def __init__(self, body: bytes = b"{}", *, status: int = 200, vertex: bool = False) -> None:
        self.sent: list[httpx.Request] = []
        self._answer = (status, body)
        options = types.HttpOptions(
            base_url="http://gateway.test",
            httpx_client=httpx.Client(transport=httpx.MockTransport(self._play)),
        )
        if vertex:
            self.client = genai.Client(
                vertexai=True,
                project="project",
                location="global",
                credentials=Credentials(token="token-of-a-test"),
                http_options=options,
            )
        else:
            self.client = genai.Client(api_key="key-of-a-test", http_options=options)

    def _play(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        status, body = self._answer
        return httpx.Response(status, content=body, headers={"content-type": "application/json"})

    def ask(self, scenario: str = "text") -> types.GenerateContentResponse:
        return self.client.models.generate_content(**call_of(scenario))

    def stream(self, scenario: str = "text") -> Iterator[types.GenerateContentResponse]:
        return self.client.models.generate_content_stream(**call_of(scenario))

    def body(self) -> Any:
        return json.loads(self.sent[-1].content)


def parts_of(chunks: list[types.GenerateContentResponse]) -> list[types.Part]:
    """Return all parts of the first candidate of a stream."""
    return [
        part
        for chunk in chunks
        for candidate in (chunk.candidates or [])[:1]
        for part in (candidate.content.parts or [] if candidate.content else [])
    ]
