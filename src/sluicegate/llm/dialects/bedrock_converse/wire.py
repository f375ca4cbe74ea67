"""What a Converse request says, as typed shapes for strict reading.

Unions of the model are structs of which exactly one member is set. Blobs are base64 text in JSON
(protocol rest-json). Source: botocore, data/bedrock-runtime/2023-09-30/service-2.json.gz.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

NAME = "bedrock_converse"

Plain = dict[str, Any]
Ttl = Literal["5m", "1h"]


class Strict(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A shape that refuses what it does not know."""


class CachePoint(Strict, frozen=True):
    """`ttl` is the default one where it is not said."""

    type: Literal["default"]
    ttl: Ttl | None = None


class S3(Strict, frozen=True):
    """`bucketOwner` is an account."""

    uri: str
    bucket_owner: str | None = None


class Chunk(Strict, frozen=True):
    """A piece of a document."""

    text: str


class Source(Strict, frozen=True):
    """Of an image, video or sound; `text` and `content` of documents only."""

    bytes: str | None = None
    s3_location: S3 | None = None
    text: str | None = None
    content: list[Chunk] | None = None


class Media(Strict, frozen=True):
    """An image, a video or sound."""

    format: str
    source: Source


class Cited(Strict, frozen=True):
    """Whether a document is cited."""

    enabled: bool


class Document(Strict, frozen=True):
    """A document: the name is required, and unique in a request."""

    name: str
    source: Source
    format: str | None = None
    context: str | None = None
    citations: Cited | None = None


class ToolUse(Strict, frozen=True):
    """A call. `type` is `server_tool_use` for what Bedrock calls itself."""

    tool_use_id: str
    name: str
    input: Plain
    type: str | None = None


class ResultBlock(Strict, frozen=True):
    """One part of what a tool gave."""

    json: Any | UnsetType = UNSET
    text: str | None = None
    image: Media | None = None
    document: Document | None = None
    video: Media | None = None
    search_result: Plain | None = None


class ToolResult(Strict, frozen=True):
    """What a tool gave."""

    tool_use_id: str
    content: list[ResultBlock]
    status: Literal["success", "error"] | None = None
    type: str | None = None


class ReasoningText(Strict, frozen=True):
    """Reasoning, and the proof of it."""

    text: str
    signature: str | None = None


class Reasoning(Strict, frozen=True):
    """Reasoning that can be read, or not."""

    reasoning_text: ReasoningText | None = None
    redacted_content: str | None = None


class Citations(Strict, frozen=True):
    """Text with its citations."""

    content: list[Chunk] = []
    citations: list[Plain] = []


class Block(Strict, frozen=True):
    """One part of a message."""

    text: str | None = None
    image: Media | None = None
    document: Document | None = None
    video: Media | None = None
    audio: Media | None = None
    tool_use: ToolUse | None = None
    tool_result: ToolResult | None = None
    reasoning_content: Reasoning | None = None
    citations_content: Citations | None = None
    cache_point: CachePoint | None = None
    guard_content: Plain | None = None
    search_result: Plain | None = None
    tool_addition: Plain | None = None
    tool_removal: Plain | None = None


class Message(Strict, frozen=True):
    """One turn."""

    role: Literal["user", "assistant", "system"]
    content: list[Block]


class SystemBlock(Strict, frozen=True):
    """One part of the system prompt."""

    text: str | None = None
    guard_content: Plain | None = None
    cache_point: CachePoint | None = None


class Inference(Strict, frozen=True):
    """The parameters that all models have."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop_sequences: list[str] = []


class InputSchema(Strict, frozen=True):
    """The JSON schema of a tool's arguments."""

    json: Plain


class ToolSpec(Strict, frozen=True):
    """A tool of the caller's."""

    name: str
    input_schema: InputSchema
    description: str = ""
    strict: bool | None = None


class Tool(Strict, frozen=True):
    """A tool, or a cache marker after one."""

    tool_spec: ToolSpec | None = None
    system_tool: Plain | None = None
    cache_point: CachePoint | None = None


class Named(Strict, frozen=True):
    """The tool that must be called."""

    name: str


class ToolChoice(Strict, frozen=True):
    """One of three."""

    auto: Plain | None = None
    any: Plain | None = None
    tool: Named | None = None


class ToolConfig(Strict, frozen=True):
    """Tools, at least one."""

    tools: list[Tool]
    tool_choice: ToolChoice | None = None


class JsonSchema(Strict, frozen=True):
    """`schema` is the text of a JSON schema."""

    schema: str
    name: str = ""
    description: str = ""


class Structure(Strict, frozen=True):
    """What `json_schema` is of."""

    json_schema: JsonSchema


class TextFormat(Strict, frozen=True):
    """What the text of the answer must be."""

    type: Literal["json_schema"]
    structure: Structure


class Output(Strict, frozen=True):
    """`effort` is low, medium, high, xhigh or max."""

    text_format: TextFormat | None = None
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None


class Tier(Strict, frozen=True):
    """A service tier."""

    type: str


class Request(Strict, frozen=True):
    """The body of Converse and of ConverseStream; the model is in the path."""

    messages: list[Message] = []
    system: list[SystemBlock] = []
    inference_config: Inference | None = None
    tool_config: ToolConfig | None = None
    guardrail_config: Plain | None = None
    additional_model_request_fields: Plain | None = None
    prompt_variables: Plain | None = None
    additional_model_response_field_paths: list[str] = []
    request_metadata: dict[str, str] | None = None
    performance_config: Plain | None = None
    service_tier: Tier | None = None
    output_config: Output | None = None
