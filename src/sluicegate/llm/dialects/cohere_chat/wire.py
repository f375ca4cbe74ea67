"""What a chat request says, as typed shapes for strict reading.

Source: cohere 7.3, `v2/raw_client.py` (`chat`, `chat_stream`) and the types that it names.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import Struct

NAME: Final = "cohere_chat"
PLAN: Final = "tool_plan"
"""The id of the reasoning that Cohere calls so."""

Plain = dict[str, Any]


class Strict(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A shape that refuses what it does not know."""


class ImageUrl(Strict, frozen=True):
    """A data URI or a URL of the web."""

    url: str
    detail: str | None = None


class Document(Strict, frozen=True):
    """`data` is anything that a model may cite."""

    data: Plain
    id: str | None = None


class Text(Strict, frozen=True, tag="text"):
    """A text."""

    text: str
    signature: str | None = None


class Image(Strict, frozen=True, tag="image_url"):
    """An image."""

    image_url: ImageUrl


class Thinking(Strict, frozen=True, tag="thinking"):
    """Reasoning. `signature` and `redacted` are words of this gateway's own answers."""

    thinking: str
    signature: str | None = None
    redacted: bool = False


class DocumentContent(Strict, frozen=True, tag="document"):
    """What a tool gave, as a document."""

    document: Document


class Function(Strict, frozen=True):
    """`arguments` is the text of a JSON object."""

    name: str
    arguments: str = "{}"


class ToolCall(Strict, frozen=True):
    """A call."""

    id: str
    function: Function
    type: Literal["function"] = "function"
    signature: str | None = None


class User(Strict, frozen=True, tag_field="role", tag="user"):
    """A user's turn."""

    content: str | list[Text | Image]


class System(Strict, frozen=True, tag_field="role", tag="system"):
    """Instructions."""

    content: str | list[Text]


class Assistant(Strict, frozen=True, tag_field="role", tag="assistant"):
    """The model's turn. `sluicegate` is what this gateway once added, and means nothing more."""

    content: str | list[Text | Thinking] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_plan: str | None = None
    citations: list[Plain] | None = None
    sluicegate: Plain | None = None


class Tool(Strict, frozen=True, tag_field="role", tag="tool"):
    """What a tool gave."""

    tool_call_id: str
    content: str | list[Text | DocumentContent]


Message = User | System | Assistant | Tool


class Parameters(Strict, frozen=True):
    """A tool of the caller's."""

    name: str
    parameters: Plain
    description: str | None = None


class ToolSpec(Strict, frozen=True):
    """A tool."""

    function: Parameters
    type: Literal["function"] = "function"


class ResponseFormat(Strict, frozen=True):
    """`json_schema` with `json_object` only."""

    type: Literal["text", "json_object"]
    json_schema: Plain | None = None


class Reasoning(Strict, frozen=True):
    """Whether to think, and how much at most."""

    type: Literal["enabled", "disabled"]
    token_budget: int | None = None


class Request(Strict, frozen=True):
    """The body."""

    model: str
    messages: list[Message]
    stream: bool = False
    tools: list[ToolSpec] | None = None
    strict_tools: bool | None = None
    tool_choice: Literal["REQUIRED", "NONE"] | None = None
    documents: list[str | Document] | None = None
    citation_options: Plain | None = None
    response_format: ResponseFormat | None = None
    safety_mode: str | None = None
    max_tokens: int | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    k: int | None = None
    p: float | None = None
    logprobs: bool | None = None
    thinking: Reasoning | None = None
    priority: int | None = None
