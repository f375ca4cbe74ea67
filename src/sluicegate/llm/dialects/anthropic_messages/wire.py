"""What a request of the Messages API looks like: shapes that know every field, and refuse others.

Source: anthropic-sdk-python 2.12, `types/message_create_params.py`, `types/*_param.py` and, for
what is in beta, `types/beta/*_param.py`. `temperature`, `top_p` and `top_k` belong to API version
2023-06-01 (platform.claude.com, "Migrating to API version 2026-10-21"). `sluicegate` is what our
own answers say beside the API's words (`extension`); SDKs send it back with the turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, Union

import msgspec
from msgspec import Raw, Struct

Extension = dict[str, Any]


class CacheControl(Struct, tag="ephemeral", forbid_unknown_fields=True):
    """A breakpoint: what stands before it is worth caching."""

    ttl: Literal["5m", "1h"] | None = None


class Citations(Struct, forbid_unknown_fields=True):
    """Whether a document may be cited."""

    enabled: bool | None = None


class Base64Source(Struct, tag="base64", forbid_unknown_fields=True):
    """Bytes of an image or a PDF."""

    data: str
    media_type: str


class UrlSource(Struct, tag="url", forbid_unknown_fields=True):
    """Where an image or a PDF is."""

    url: str


class FileSource(Struct, tag="file", forbid_unknown_fields=True):
    """A file of the Files API."""

    file_id: str


class TextSource(Struct, tag="text", forbid_unknown_fields=True):
    """A document of plain text."""

    data: str
    media_type: str


class ContentSource(Struct, tag="content", forbid_unknown_fields=True):
    """A document of blocks, each of which may be cited."""

    content: str | list[dict[str, Any]]


ImageSource = Base64Source | UrlSource | FileSource
DocumentSource = ImageSource | TextSource | ContentSource


class TextBlock(Struct, tag="text", forbid_unknown_fields=True):
    """Text."""

    text: str
    cache_control: CacheControl | None = None
    citations: list[dict[str, Any]] | None = None
    sluicegate: Extension | None = None


class ImageBlock(Struct, tag="image", forbid_unknown_fields=True):
    """An image."""

    source: ImageSource
    cache_control: CacheControl | None = None
    transformations: dict[str, Any] | None = None


class DocumentBlock(Struct, tag="document", forbid_unknown_fields=True):
    """A document."""

    source: DocumentSource
    cache_control: CacheControl | None = None
    citations: Citations | None = None
    context: str | None = None
    title: str | None = None


class ThinkingBlock(Struct, tag="thinking", forbid_unknown_fields=True):
    """Reasoning."""

    thinking: str
    signature: str
    sluicegate: Extension | None = None


class RedactedBlock(Struct, tag="redacted_thinking", forbid_unknown_fields=True):
    """Reasoning that nobody is shown."""

    data: str
    sluicegate: Extension | None = None


class ToolUseBlock(Struct, tag="tool_use", forbid_unknown_fields=True):
    """A call of a tool."""

    id: str
    input: Raw
    name: str
    cache_control: CacheControl | None = None
    caller: dict[str, Any] | None = None
    toolset_name: str | None = None
    sluicegate: Extension | None = None


class OtherBlock(Struct, tag_field="type"):
    """A block that no other dialect has words for: its type alone is known."""


OTHER_TYPES: Final = (
    "search_result",
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "container_upload",
    "advisor_tool_result",
    "mcp_tool_use",
    "mcp_tool_result",
    "mcp_tool_listing",
    "compaction",
    "fallback",
    "tool_addition",
    "tool_removal",
)
OTHERS_IN_RESULTS: Final = ("search_result", "tool_reference", "browser_state")


def _others(types: tuple[str, ...]) -> tuple[type[Struct], ...]:
    return tuple(
        msgspec.defstruct(f"Other_{name}", [], bases=(OtherBlock,), tag=name) for name in types
    )


if TYPE_CHECKING:
    ResultContent = TextBlock | ImageBlock | DocumentBlock | OtherBlock
else:
    ResultContent = Union[(TextBlock, ImageBlock, DocumentBlock, *_others(OTHERS_IN_RESULTS))]


class ToolResultBlock(Struct, tag="tool_result", forbid_unknown_fields=True):
    """What a tool gave."""

    tool_use_id: str
    cache_control: CacheControl | None = None
    content: str | list[ResultContent] | None = None
    is_error: bool | None = None
    toolset_name: str | None = None


if TYPE_CHECKING:
    Block = (
        TextBlock
        | ImageBlock
        | DocumentBlock
        | ThinkingBlock
        | RedactedBlock
        | ToolUseBlock
        | ToolResultBlock
        | OtherBlock
    )
else:
    Block = Union[
        (
            TextBlock,
            ImageBlock,
            DocumentBlock,
            ThinkingBlock,
            RedactedBlock,
            ToolUseBlock,
            ToolResultBlock,
            *_others(OTHER_TYPES),
        )
    ]


class MessageIn(Struct, forbid_unknown_fields=True):
    """One turn. A `system` one in the middle is for Claude Opus 4.8 and later."""

    role: Literal["user", "assistant", "system"]
    content: str | list[Block]


class FunctionTool(Struct, forbid_unknown_fields=True):
    """A tool that the caller has."""

    name: str
    input_schema: dict[str, Any]
    type: Literal["custom"] | None = None
    description: str | None = None
    strict: bool | None = None
    cache_control: CacheControl | None = None
    allowed_callers: list[str] | None = None
    defer_loading: bool | None = None
    eager_input_streaming: bool | None = None
    input_examples: list[dict[str, Any]] | None = None


class Choice(Struct, forbid_unknown_fields=True):
    """Whether tools must be called."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Enabled(Struct, tag="enabled", forbid_unknown_fields=True):
    """Think, within a budget."""

    budget_tokens: int
    display: Literal["summarized", "omitted", "updates"] | None = None
    block_binding: Any = None


class Adaptive(Struct, tag="adaptive", forbid_unknown_fields=True):
    """Think as the model sees fit."""

    display: Literal["summarized", "omitted", "updates"] | None = None
    block_binding: Any = None


class Disabled(Struct, tag="disabled", forbid_unknown_fields=True):
    """Do not think."""


class BetweenTools(Struct, tag="between_tools", forbid_unknown_fields=True):
    """Do not think, but say what goes on between tools."""


class OutputFormat(Struct, tag="json_schema", forbid_unknown_fields=True):
    """The answer's text is JSON of this schema."""

    schema: dict[str, Any]


class OutputConfig(Struct, forbid_unknown_fields=True):
    """What the answer is to be."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: OutputFormat | None = None
    task_budget: Any = None


class Metadata(Struct, forbid_unknown_fields=True):
    """Who the call is for."""

    user_id: str | None = None


class Call(Struct, forbid_unknown_fields=True, kw_only=True):
    """A body of `POST /v1/messages`; one of `/v1/messages/count_tokens` has no `max_tokens`."""

    model: str
    messages: list[MessageIn]
    system: str | list[TextBlock] | None = None
    max_tokens: int | None = None
    stream: bool | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Choice | None = None
    thinking: Enabled | Adaptive | Disabled | BetweenTools | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    metadata: Metadata | None = None
    service_tier: str | None = None
    cache_control: CacheControl | None = None
    container: Any = None
    context_management: Any = None
    compaction: Any = None
    mcp_servers: Any = None
    diagnostics: Any = None
    inference_geo: Any = None
    speed: Any = None
    user_profile_id: Any = None
    workspace_id: Any = None
    billing_policy: Any = None
    fallbacks: Any = None
    fallback_credit_token: Any = None
    thread: Any = None


NATIVE: Final = (
    "container",
    "context_management",
    "compaction",
    "mcp_servers",
    "diagnostics",
    "inference_geo",
    "speed",
    "user_profile_id",
    "workspace_id",
    "billing_policy",
    "fallbacks",
    "fallback_credit_token",
    "thread",
)
"""Fields that only this API has: they travel as `extras` under their own names."""
TOOL_NATIVE: Final = ("allowed_callers", "defer_loading", "input_examples")
CALL: Final = msgspec.json.Decoder(Call)
FUNCTION_TOOL: Final = msgspec.json.Decoder(FunctionTool)
