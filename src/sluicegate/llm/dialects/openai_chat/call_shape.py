"""What a caller may send: openai/types/chat/completion_create_params.py and what it refers to.

Beside it what `__init__` lists as added by others, and what our own answers hold, since callers
send messages back as they got them.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import Struct, json

from sluicegate.llm.canonical import Effort


class Strict(Struct, forbid_unknown_fields=True):
    """Refuses what it does not know."""


class Breakpoint(Strict):
    """`prompt_cache_breakpoint` of OpenAI (`mode`), `cache_control` of Anthropic (`type`)."""

    mode: Literal["explicit"] | None = None
    type: Literal["ephemeral"] | None = None
    ttl: str | None = None


class Marked(Strict, kw_only=True):
    """Something that a cache's marker may follow."""

    prompt_cache_breakpoint: Breakpoint | None = None
    cache_control: Breakpoint | None = None


class TextPart(Marked, tag_field="type", tag="text"):
    """ChatCompletionContentPartTextParam."""

    text: str


class RefusalPart(Strict, tag_field="type", tag="refusal"):
    """ChatCompletionContentPartRefusalParam."""

    refusal: str


class ImageUrl(Strict):
    """ImageURL."""

    url: str
    detail: str | None = None


class ImagePart(Marked, tag_field="type", tag="image_url"):
    """ChatCompletionContentPartImageParam."""

    image_url: ImageUrl


class InputAudio(Strict):
    """InputAudio: base64."""

    data: str
    format: str


class AudioPart(Marked, tag_field="type", tag="input_audio"):
    """ChatCompletionContentPartInputAudioParam."""

    input_audio: InputAudio


class FileFile(Strict):
    """FileFile: `file_data` is a data URL or bare base64."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class FilePart(Marked, tag_field="type", tag="file"):
    """File."""

    file: FileFile


UserPart = TextPart | ImagePart | AudioPart | FilePart


class CalledFunction(Strict):
    """Function of a ChatCompletionMessageFunctionToolCallParam."""

    name: str
    arguments: str


class CalledCustom(Strict):
    """Custom of a ChatCompletionMessageCustomToolCallParam."""

    name: str
    input: str


class Call(Strict, kw_only=True):
    """What all calls of tools have. Streams number them, and callers keep the number."""

    id: str
    index: int | None = None
    extra_content: dict[str, Any] | None = None


class FunctionCall(Call, tag_field="type", tag="function"):
    """ChatCompletionMessageFunctionToolCallParam."""

    function: CalledFunction


class CustomCall(Call, tag_field="type", tag="custom"):
    """ChatCompletionMessageCustomToolCallParam."""

    custom: CalledCustom


class ThinkingBlock(Strict, tag_field="type", tag="thinking"):
    """Anthropic's, as LiteLLM passes it on. `id` and `summary` are ours, of OpenAI's reasoning."""

    thinking: str
    signature: str | None = None
    index: int | None = None
    id: str = ""
    summary: bool = False


class RedactedBlock(Strict, tag_field="type", tag="redacted_thinking"):
    """Anthropic's, as LiteLLM passes it on."""

    data: str
    index: int | None = None
    id: str = ""
    summary: bool = False


class AnswerImage(Strict):
    """An image of an answer, as OpenRouter has them."""

    image_url: ImageUrl
    type: Literal["image_url"] = "image_url"
    index: int | None = None


class System(Strict, tag_field="role", tag="system"):
    """ChatCompletionSystemMessageParam."""

    content: str | list[TextPart]
    name: str | None = None


class Developer(Strict, tag_field="role", tag="developer"):
    """ChatCompletionDeveloperMessageParam."""

    content: str | list[TextPart]
    name: str | None = None


class User(Strict, tag_field="role", tag="user"):
    """ChatCompletionUserMessageParam."""

    content: str | list[UserPart]
    name: str | None = None


class Assistant(Strict, tag_field="role", tag="assistant"):
    """ChatCompletionAssistantMessageParam, or a message of an answer sent back."""

    content: str | list[TextPart | RefusalPart] | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[FunctionCall | CustomCall] | None = None
    audio: dict[str, Any] | None = None
    function_call: dict[str, Any] | None = None
    annotations: list[dict[str, Any]] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    thinking_blocks: list[ThinkingBlock | RedactedBlock] | None = None
    extra_content: dict[str, Any] | None = None
    images: list[AnswerImage] | None = None
    sluicegate: dict[str, Any] | None = None
    parsed: Any = None
    """Put there by the SDK's own `parse`, of what `content` says."""


class ToolAnswer(Strict, tag_field="role", tag="tool"):
    """ChatCompletionToolMessageParam."""

    content: str | list[TextPart]
    tool_call_id: str
    name: str | None = None


class OldFunctionAnswer(Strict, tag_field="role", tag="function"):
    """ChatCompletionFunctionMessageParam: deprecated since 2023, read to be refused by name."""

    content: str | None
    name: str


AnyMessage = System | Developer | User | Assistant | ToolAnswer | OldFunctionAnswer


class Function(Strict):
    """FunctionDefinition."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Custom(Strict):
    """Custom of a ChatCompletionCustomToolParam; `format` is `text`, or holds a grammar."""

    name: str
    description: str | None = None
    format: dict[str, Any] | None = None


class FunctionTool(Strict, tag_field="type", tag="function"):
    """ChatCompletionFunctionToolParam."""

    function: Function
    cache_control: Breakpoint | None = None


class CustomTool(Strict, tag_field="type", tag="custom"):
    """ChatCompletionCustomToolParam."""

    custom: Custom
    cache_control: Breakpoint | None = None


class Named(Strict):
    """The name of a tool."""

    name: str


class ChosenFunction(Strict, tag_field="type", tag="function"):
    """ChatCompletionNamedToolChoiceParam; also one of the allowed tools."""

    function: Named


class ChosenCustom(Strict, tag_field="type", tag="custom"):
    """ChatCompletionNamedToolChoiceCustomParam; also one of the allowed tools."""

    custom: Named


class AllowedTools(Strict):
    """ChatCompletionAllowedToolsParam."""

    mode: Literal["auto", "required"]
    tools: list[ChosenFunction | ChosenCustom]


class ChosenAllowed(Strict, tag_field="type", tag="allowed_tools"):
    """ChatCompletionAllowedToolChoiceParam."""

    allowed_tools: AllowedTools


Choice = Literal["none", "auto", "required"] | ChosenFunction | ChosenCustom | ChosenAllowed


class JsonSchema(Strict):
    """JSONSchema."""

    name: str
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class FormatText(Strict, tag_field="type", tag="text"):
    """ResponseFormatText."""


class FormatObject(Strict, tag_field="type", tag="json_object"):
    """ResponseFormatJSONObject."""


class FormatSchema(Strict, tag_field="type", tag="json_schema"):
    """ResponseFormatJSONSchema."""

    json_schema: JsonSchema


class StreamOptions(Strict):
    """ChatCompletionStreamOptionsParam."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ThinkingParam(Strict):
    """LiteLLM's and DeepSeek's way to ask for reasoning, taken from Anthropic."""

    type: Literal["enabled", "disabled", "adaptive"]
    budget_tokens: int | None = None


class ChatCall(Strict, kw_only=True):
    """CompletionCreateParams. Fields that only OpenAI understands are kept as plain data."""

    model: str
    messages: list[AnyMessage]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[FunctionTool | CustomTool] | None = None
    tool_choice: Choice | None = None
    parallel_tool_calls: bool | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    n: int | None = None
    response_format: FormatText | FormatObject | FormatSchema | None = None
    reasoning_effort: Effort | None = None
    thinking: ThinkingParam | None = None
    verbosity: str | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None
    store: bool | None = None
    prompt_cache_key: str | None = None
    audio: dict[str, Any] | None = None
    function_call: str | dict[str, Any] | None = None
    functions: list[dict[str, Any]] | None = None
    modalities: list[str] | None = None
    moderation: dict[str, Any] | None = None
    prediction: dict[str, Any] | None = None
    prompt_cache_options: dict[str, Any] | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    web_search_options: dict[str, Any] | None = None


DECODER: Final = json.Decoder(ChatCall)
EXTRAS: Final = (
    "audio",
    "function_call",
    "functions",
    "modalities",
    "moderation",
    "prediction",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "web_search_options",
)
"""Fields that become `canonical.Request.extras`, by their own names."""
