"""What providers answer: chat_completion.py, chat_completion_chunk.py, completion_usage.py.

Read leniently: vendors add fields, and leave some out.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Raw, Struct, json

from sluicegate.llm.canonical import Logprob, Usage

NONE: Final = Raw(b"null")


class Details(Struct):
    """`prompt_tokens_details` and `completion_tokens_details`."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    reasoning_tokens: int | None = None


class UsageExtension(Struct):
    """Our own, in answers of another gateway of ours."""

    cache_write_1h_tokens: int = 0
    image_output_tokens: int = 0


class UsageShape(Struct):
    """CompletionUsage. `prompt_cache_hit_tokens` is DeepSeek's (api-docs.deepseek.com)."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: Details | None = None
    completion_tokens_details: Details | None = None
    prompt_cache_hit_tokens: int | None = None
    sluicegate: UsageExtension | None = None


class CalledFunction(Struct):
    """The function of a call; whole in an answer, in pieces in a stream."""

    name: str | None = None
    arguments: str | None = None


class CalledCustom(Struct):
    """The custom tool of a call."""

    name: str | None = None
    input: str | None = None


class Call(Struct):
    """A tool's call, or a piece of one."""

    index: int | None = None
    id: str | None = None
    function: CalledFunction | None = None
    custom: CalledCustom | None = None
    extra_content: dict[str, Any] | None = None


class Block(Struct):
    """One of `thinking_blocks`."""

    type: str = "thinking"
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str = ""
    summary: bool = False


class Extension(Struct):
    """`sluicegate` of a message or delta."""

    citations: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []


class Message(Struct):
    """ChatCompletionMessage, or a ChoiceDelta.

    `content` is a list at Mistral's reasoning models (mistralai/models: ThinkChunk, TextChunk).
    """

    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[Call] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    thinking_blocks: list[Block] | None = None
    annotations: list[dict[str, Any]] | None = None
    audio: dict[str, Any] | None = None
    images: list[dict[str, Any]] | None = None
    extra_content: dict[str, Any] | None = None
    sluicegate: Extension | None = None


class LogprobsShape(Struct):
    """ChoiceLogprobs."""

    content: list[Logprob] | None = None
    refusal: list[Logprob] | None = None


class StopExtension(Struct):
    """Our own `stop`."""

    reason: str
    sequence: str | None = None
    detail: str = ""


class ChoiceExtension(Struct):
    """`sluicegate` of a choice."""

    stop: StopExtension | None = None


class Choice(Struct):
    """Choice of a ChatCompletion."""

    message: Message
    index: int = 0
    finish_reason: str | None = None
    logprobs: LogprobsShape | None = None
    sluicegate: ChoiceExtension | None = None


class AnswerExtension(Struct):
    """`sluicegate` of an answer."""

    extras: dict[str, Any] = {}


class ChatAnswer(Struct):
    """ChatCompletion. `citations` and `search_results` are Perplexity's."""

    choices: list[Choice]
    id: str | None = None
    model: str | None = None
    created: int | float | None = None
    usage: UsageShape | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    metadata: dict[str, Any] | None = None
    moderation: dict[str, Any] | None = None
    citations: list[Any] | None = None
    search_results: list[Any] | None = None
    sluicegate: AnswerExtension | None = None


class ChunkChoice(Struct):
    """Choice of a ChatCompletionChunk. `usage` here is Moonshot's (earendil-works/pi, 2017)."""

    delta: Message | None = None
    index: int = 0
    finish_reason: str | None = None
    logprobs: LogprobsShape | None = None
    usage: UsageShape | None = None
    sluicegate: ChoiceExtension | None = None


class Chunk(Struct):
    """ChatCompletionChunk, or an error in its place (openai/_streaming.py)."""

    choices: list[ChunkChoice] | None = None
    id: str | None = None
    model: str | None = None
    created: int | float | None = None
    usage: UsageShape | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    error: Raw = NONE


class Measured(Struct):
    """As much of an answer as tells whether it is one."""

    choices: list[Raw]
    usage: UsageShape | None = None
    service_tier: str | None = None


ANSWER: Final = json.Decoder(ChatAnswer)
CHUNK: Final = json.Decoder(Chunk)
MEASURED: Final = json.Decoder(Measured)
EXTRAS: Final = ("metadata", "moderation", "citations", "search_results")
"""Fields of an answer that become `canonical.Answer.extras`."""


def usage_of(shape: UsageShape, tier: str | None = None) -> Usage:
    """Read tokens. `tier` is the `service_tier` that stands beside them.

    xAI counts reasoning beside `completion_tokens` and in the total only (docs.x.ai, "Reasoning").
    """
    asked = shape.prompt_tokens_details or Details()
    given = shape.completion_tokens_details or Details()
    prompt, completion = shape.prompt_tokens or 0, shape.completion_tokens or 0
    reasoning = given.reasoning_tokens or 0
    if reasoning and shape.total_tokens == prompt + completion + reasoning:
        completion += reasoning
    ours = shape.sluicegate or UsageExtension()
    return Usage(
        input=prompt,
        output=completion,
        cached=asked.cached_tokens or shape.prompt_cache_hit_tokens or 0,
        cache_write=asked.cache_write_tokens or 0,
        cache_write_1h=ours.cache_write_1h_tokens,
        reasoning=reasoning,
        audio_input=asked.audio_tokens or 0,
        audio_output=given.audio_tokens or 0,
        image_input=asked.image_tokens or 0,
        image_output=given.image_tokens or ours.image_output_tokens,
        tier=tier or "",
    )


def usage_shaped(usage: Usage) -> dict[str, Any]:
    """Write tokens."""
    shaped: dict[str, Any] = {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached,
            "audio_tokens": usage.audio_input,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": usage.audio_output,
        },
    }
    if usage.cache_write:
        shaped["prompt_tokens_details"]["cache_write_tokens"] = usage.cache_write
    if usage.image_input:
        shaped["prompt_tokens_details"]["image_tokens"] = usage.image_input
    ours = {
        "cache_write_1h_tokens": usage.cache_write_1h,
        "image_output_tokens": usage.image_output,
    }
    if any(ours.values()):
        shaped["sluicegate"] = {name: count for name, count in ours.items() if count}
    return shaped
