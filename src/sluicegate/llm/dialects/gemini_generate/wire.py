"""What stands on the wire: requests strictly, answers leniently (google/genai/types.py).

A name is written in camelCase; `spelling` takes the snake_case of the protocol buffers as well. A
list of one may be written as the one alone, as in the vendor's own examples for curl. Fields of
the type `Any` are those that the canonical form has no words for: they become `extras`.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Raw, Struct

NOTHING: Final = Raw(b"")

# --- requests ------------------------------------------------------------------------------------


class Asked(Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What all of a request is."""


class Blob(Asked):
    """Bytes, in base64 of either alphabet."""

    mime_type: str | None = None
    data: str | None = None
    display_name: str | None = None


class FileData(Asked):
    """A file by its address."""

    file_uri: str | None = None
    mime_type: str | None = None
    display_name: str | None = None


class FunctionCall(Asked):
    """A call that the model made."""

    id: str | None = None
    name: str | None = None
    args: dict[str, Any] | None = None
    partial_args: Any = None
    will_continue: Any = None


class ResultPart(Asked):
    """A medium in what a function gave."""

    inline_data: Blob | None = None
    file_data: FileData | None = None
    media_processing: Any = None
    media_resolution: Any = None
    video_metadata: Any = None
    document_metadata: Any = None
    spreadsheet_metadata: Any = None
    audio_metadata: Any = None


class FunctionResponse(Asked):
    """What a function gave."""

    id: str | None = None
    name: str | None = None
    response: dict[str, Any] | None = None
    parts: list[ResultPart] | None = None
    scheduling: Any = None
    will_continue: Any = None


class Part(Asked):
    """One part: exactly one of the first nine, beside what may stand at it."""

    text: str | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: dict[str, Any] | None = None
    code_execution_result: dict[str, Any] | None = None
    tool_call: dict[str, Any] | None = None
    tool_response: dict[str, Any] | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    media_resolution: Any = None
    video_metadata: Any = None
    part_metadata: Any = None
    audio_transcription: Any = None
    media_processing: Any = None
    speech_metadata: Any = None
    document_metadata: Any = None
    spreadsheet_metadata: Any = None
    audio_metadata: Any = None


class Content(Asked):
    """One turn."""

    parts: list[Part] | Part | None = None
    role: str | None = None


class FunctionDeclaration(Asked):
    """A function. `parameters` is a Schema, `parameters_json_schema` a JSON schema."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    parameters_json_schema: dict[str, Any] | None = None
    response: Any = None
    response_json_schema: Any = None
    behavior: Any = None


class Tool(Asked):
    """Functions, or tools that Google itself has."""

    function_declarations: list[FunctionDeclaration] | None = None
    code_execution: dict[str, Any] | None = None
    computer_use: dict[str, Any] | None = None
    enterprise_web_search: dict[str, Any] | None = None
    exa_ai_search: dict[str, Any] | None = None
    file_search: dict[str, Any] | None = None
    google_maps: dict[str, Any] | None = None
    google_search: dict[str, Any] | None = None
    google_search_retrieval: dict[str, Any] | None = None
    mcp_servers: list[dict[str, Any]] | None = None
    parallel_ai_search: dict[str, Any] | None = None
    retrieval: dict[str, Any] | None = None
    url_context: dict[str, Any] | None = None


class FunctionCallingConfig(Asked):
    """Whether functions must be called."""

    mode: str | None = None
    allowed_function_names: list[str] | None = None
    stream_function_call_arguments: Any = None


class ToolConfig(Asked):
    """How tools are used."""

    function_calling_config: FunctionCallingConfig | None = None
    retrieval_config: Any = None
    include_server_side_tool_invocations: Any = None


class ThinkingConfig(Asked):
    """How much to think."""

    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: str | None = None


class GenerationConfig(Asked):
    """How to answer."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    candidate_count: int | None = None
    max_output_tokens: int | None = None
    stop_sequences: list[str] | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    response_mime_type: str | None = None
    response_schema: dict[str, Any] | None = None
    response_json_schema: dict[str, Any] | None = None
    response_modalities: list[str] | None = None
    thinking_config: ThinkingConfig | None = None
    audio_timestamp: Any = None
    audio_transcription_config: Any = None
    enable_affective_dialog: Any = None
    enable_enhanced_civic_answers: Any = None
    image_config: Any = None
    media_resolution: Any = None
    model_config: Any = None
    response_format: Any = None
    routing_config: Any = None
    speech_config: Any = None
    translation_config: Any = None


class Request(Asked):
    """The body of `:generateContent`. `model` stands in the path; here only in `countTokens`."""

    contents: list[Content] | Content
    system_instruction: Content | None = None
    tools: list[Tool] | Tool | None = None
    tool_config: ToolConfig | None = None
    generation_config: GenerationConfig | None = None
    service_tier: str | None = None
    store: bool | None = None
    model: str | None = None
    cached_content: Any = None
    continuation_token: Any = None
    labels: Any = None
    model_armor_config: Any = None
    output_config: Any = None
    safety_settings: Any = None


class CountRequest(Asked):
    """The body of `:countTokens`: `generateContentRequest` (Gemini API), or the rest."""

    generate_content_request: Request | None = None
    contents: list[Content] | Content | None = None
    system_instruction: Content | None = None
    tools: list[Tool] | Tool | None = None
    generation_config: GenerationConfig | None = None
    model: str | None = None


# --- answers -------------------------------------------------------------------------------------


class Said(Struct, rename="camel", kw_only=True):
    """What all of an answer is."""


class SaidCall(Said):
    """A call that the model makes."""

    id: str | None = None
    name: str = ""
    args: dict[str, Any] | None = None


class SaidPart(Said):
    """A part: `text`, `function_call`, or something that is looked at as plain data."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: SaidCall | None = None


class SaidContent(Said):
    """The parts of an answer."""

    parts: list[SaidPart] | None = None


class Token(Said):
    """One token and its probability."""

    token: str = ""
    log_probability: float = 0.0
    token_id: int | None = None


class TopTokens(Said):
    """Tokens that might have come at one place."""

    candidates: list[Token] | None = None


class LogprobsResult(Said):
    """Of all tokens of a candidate, or of one chunk of it."""

    chosen_candidates: list[Token] | None = None
    top_candidates: list[TopTokens] | None = None


class CitationMetadata(Said):
    """`citationSources` in the Gemini API, `citations` in Vertex AI."""

    citation_sources: list[dict[str, Any]] | None = None
    citations: list[dict[str, Any]] | None = None


class Candidate(Said):
    """One answer of several, or a piece of it."""

    content: SaidContent | None = None
    index: int = 0
    finish_reason: str | None = None
    finish_message: str | None = None
    citation_metadata: CitationMetadata | None = None
    grounding_metadata: dict[str, Any] | None = None
    url_context_metadata: dict[str, Any] | None = None
    logprobs_result: LogprobsResult | None = None
    avg_logprobs: float | None = None
    safety_ratings: list[Any] | None = None
    continuation_token: str | None = None


class ModalityTokens(Said):
    """Tokens of one kind of content."""

    modality: str = ""
    token_count: int = 0


class UsageMetadata(Said):
    """Tokens so far. `prompt_token_count` holds the cached ones; thoughts are counted apart."""

    prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    prompt_tokens_details: list[ModalityTokens] | None = None
    candidates_tokens_details: list[ModalityTokens] | None = None
    tool_use_prompt_tokens_details: list[ModalityTokens] | None = None
    traffic_type: str | None = None
    service_tier: str | None = None


class PromptFeedback(Said):
    """Why the prompt was refused."""

    block_reason: str | None = None
    block_reason_message: str | None = None


class UsageBeside(Struct, kw_only=True):
    """Tokens that `usage_metadata` has no field for."""

    cache_write: int = 0
    cache_write_1h: int = 0


class Beside(Struct, kw_only=True):
    """What a gateway of this kind adds: see the package."""

    usage: UsageBeside | None = None
    service_tier: str = ""


class Chunk(Said):
    """A piece of an answer. `error` alone where it failed in mid-stream."""

    candidates: list[Candidate] | None = None
    usage_metadata: Raw = NOTHING
    """Read only where it counts: each piece has one."""
    model_version: str = ""
    response_id: str = ""
    create_time: str | None = None
    prompt_feedback: PromptFeedback | None = None
    sluicegate: Beside | None = None
    error: dict[str, Any] | None = None


class Answer(Said):
    """A whole answer."""

    candidates: list[Candidate] | None = None
    usage_metadata: UsageMetadata | None = None
    model_version: str = ""
    response_id: str = ""
    create_time: str | None = None
    prompt_feedback: PromptFeedback | None = None
    sluicegate: Beside | None = None
