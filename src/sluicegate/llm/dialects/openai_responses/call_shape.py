"""The shapes of a request of OpenAI's Responses API: what is not in them is refused.

Source: openai/types/responses/response_create_params.py, response_input_item_param.py and the files
that these import, of the SDK openai 3.54. Items and tools stand in lists of `Raw`: an item says by
its `type` what it is, and a message may leave that out.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import Raw, Struct, field
from msgspec.json import Decoder


class Breakpoint(Struct, forbid_unknown_fields=True):
    """What comes before it, and it itself, is worth caching."""

    mode: Literal["explicit"]
    ttl: str | None = None


# --- content -------------------------------------------------------------------------------------


class InputText(Struct, tag_field="type", tag="input_text", forbid_unknown_fields=True):
    """Text to the model."""

    text: str
    prompt_cache_breakpoint: Breakpoint | None = None


class InputImage(Struct, tag_field="type", tag="input_image", forbid_unknown_fields=True):
    """An image, by URL (also `data:`) or the id of a file."""

    image_url: str | None = None
    file_id: str | None = None
    detail: str | None = None
    prompt_cache_breakpoint: Breakpoint | None = None


class InputFile(Struct, tag_field="type", tag="input_file", forbid_unknown_fields=True):
    """A document, as a `data:` URL, by URL or the id of a file."""

    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None
    filename: str | None = None
    detail: str | None = None
    prompt_cache_breakpoint: Breakpoint | None = None


class OutputText(Struct, tag_field="type", tag="output_text", forbid_unknown_fields=True):
    """Text of the model. `extra_content`, `sluicegate`: see the package."""

    text: str
    annotations: list[dict[str, Any]] = []
    logprobs: list[dict[str, Any]] | None = None
    parsed: Any = None
    """The SDK's own, which it leaves in what it dumps."""
    extra_content: dict[str, Any] | None = None
    sluicegate: dict[str, Any] | None = None


class OutputRefusal(Struct, tag_field="type", tag="refusal", forbid_unknown_fields=True):
    """The model's own words that it will not."""

    refusal: str


ResultContent = InputText | InputImage | InputFile
Content = ResultContent | OutputText | OutputRefusal


# --- items ---------------------------------------------------------------------------------------


class MessageItem(Struct, forbid_unknown_fields=True):
    """A message: of the caller, or a former one of the model."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[Content]
    type: Literal["message"] = "message"
    id: str | None = None
    status: str | None = None
    phase: str | None = None


class CallItem(Struct, forbid_unknown_fields=True):
    """`function_call`. `caller`, `namespace`, `background`: of tools that OpenAI itself calls."""

    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str
    id: str | None = None
    status: str | None = None
    namespace: str | None = None
    caller: dict[str, Any] | None = None
    background: bool | None = field(name="async", default=None)
    parsed_arguments: Any = None
    extra_content: dict[str, Any] | None = None


class CustomCallItem(Struct, forbid_unknown_fields=True):
    """`custom_tool_call`."""

    type: Literal["custom_tool_call"]
    call_id: str
    name: str
    input: str
    id: str | None = None
    status: str | None = None
    namespace: str | None = None
    caller: dict[str, Any] | None = None
    background: bool | None = field(name="async", default=None)
    extra_content: dict[str, Any] | None = None


class OutputItem(Struct, forbid_unknown_fields=True):
    """`function_call_output`, `custom_tool_call_output`."""

    type: Literal["function_call_output", "custom_tool_call_output"]
    call_id: str
    output: str | list[ResultContent]
    id: str | None = None
    status: str | None = None
    name: str | None = None
    namespace: str | None = None
    caller: dict[str, Any] | None = None


class SummaryText(Struct, tag_field="type", tag="summary_text", forbid_unknown_fields=True):
    """A part of a summary of reasoning."""

    text: str


class ReasoningText(Struct, tag_field="type", tag="reasoning_text", forbid_unknown_fields=True):
    """Reasoning itself."""

    text: str


class ReasoningItem(Struct, forbid_unknown_fields=True):
    """`reasoning`."""

    type: Literal["reasoning"]
    summary: list[SummaryText] = []
    content: list[ReasoningText] | None = None
    encrypted_content: str | None = None
    id: str | None = None
    status: str | None = None


class Typed(Struct):
    """What says what something is."""

    type: str | None = None


MESSAGE: Final = Decoder(MessageItem)
TYPED: Final = Decoder(Typed)
PLAIN: Final = Decoder(dict[str, Any])

Item = MessageItem | CallItem | CustomCallItem | OutputItem | ReasoningItem

ITEMS: Final[dict[str, Decoder[Any]]] = {
    "message": MESSAGE,
    "function_call": Decoder(CallItem),
    "custom_tool_call": Decoder(CustomCallItem),
    "function_call_output": Decoder(OutputItem),
    "custom_tool_call_output": Decoder(OutputItem),
    "reasoning": Decoder(ReasoningItem),
}

RESULTS: Final = frozenset(
    {
        "apply_patch_call_output",
        "computer_call_output",
        "local_shell_call_output",
        "mcp_approval_response",
        "shell_call_output",
    }
)
"""Items of OpenAI's own tools that are the caller's answer to the model."""

OPAQUE: Final = RESULTS | frozenset(
    {
        "additional_tools",
        "apply_patch_call",
        "code_interpreter_call",
        "compaction",
        "compaction_trigger",
        "computer_call",
        "configuration_update",
        "file_search_call",
        "image_generation_call",
        "item_reference",
        "local_shell_call",
        "mcp_approval_request",
        "mcp_call",
        "mcp_list_tools",
        "program",
        "program_output",
        "shell_call",
        "tool_search_call",
        "tool_search_output",
        "web_search_call",
    }
)
"""Items that only this API has words for."""


# --- tools ---------------------------------------------------------------------------------------


class FunctionTool(Struct, forbid_unknown_fields=True):
    """`function`."""

    type: Literal["function"]
    name: str
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None
    allowed_callers: list[str] | None = None
    defer_loading: bool | None = None
    output_schema: dict[str, Any] | None = None
    background: bool | None = field(name="async", default=None)


class CustomTool(Struct, forbid_unknown_fields=True):
    """`custom`: a tool that takes free text."""

    type: Literal["custom"]
    name: str
    description: str | None = None
    format: dict[str, Any] | None = None
    allowed_callers: list[str] | None = None
    defer_loading: bool | None = None
    background: bool | None = field(name="async", default=None)


FUNCTION_TOOL: Final = Decoder(FunctionTool)
CUSTOM_TOOL: Final = Decoder(CustomTool)


# --- the call ------------------------------------------------------------------------------------


class TextFormat(Struct, forbid_unknown_fields=True):
    """What the text must be."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class TextConfig(Struct, forbid_unknown_fields=True):
    """How the text must be."""

    format: TextFormat | None = None
    verbosity: str | None = None


class ReasoningConfig(Struct, forbid_unknown_fields=True):
    """How to think. `generate_summary` is the old name of `summary`."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    summary: str | None = None
    generate_summary: str | None = None
    context: str | None = None
    mode: str | None = None


class StreamOptions(Struct, forbid_unknown_fields=True):
    """Options that change nothing about what a stream says."""

    include_obfuscation: bool | None = None


class Call(Struct, forbid_unknown_fields=True):
    """The body. Fields without a type of their own have no meaning elsewhere."""

    model: str
    input: str | list[Raw] = []
    instructions: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Raw] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    include: list[str] | None = None
    text: TextConfig | None = None
    reasoning: ReasoningConfig | None = None
    user: str | None = None
    safety_identifier: str | None = None
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None
    store: bool | None = None
    prompt_cache_key: str | None = None
    truncation: str | None = None
    background: bool | None = None
    access_programs: dict[str, Any] | None = None
    background_options: dict[str, Any] | None = None
    context_management: list[dict[str, Any]] | None = None
    conversation: str | dict[str, Any] | None = None
    image: dict[str, Any] | None = None
    max_tool_calls: int | None = None
    moderation: dict[str, Any] | None = None
    previous_response_id: str | None = None
    prompt: dict[str, Any] | None = None
    prompt_cache_options: dict[str, Any] | None = None
    prompt_cache_retention: str | None = None


CALL: Final = Decoder(Call)

ALONE: Final = (
    "access_programs",
    "background_options",
    "context_management",
    "conversation",
    "image",
    "max_tool_calls",
    "moderation",
    "previous_response_id",
    "prompt",
    "prompt_cache_options",
    "prompt_cache_retention",
)
"""Fields that only this API has: `extras` of the canonical form, under their own names."""
