"""The shapes of a response, read leniently: fields and types that are unknown are passed over.

Source: openai/types/responses/response.py, response_output_item.py, response_usage.py and
response_error.py of the SDK openai 3.54.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Raw, Struct
from msgspec.json import Decoder

from sluicegate.llm.usage_beside import UsageBeside


class Logprob(Struct):
    """A token. In streams it comes without `bytes` (response_text_delta_event.py)."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list[Logprob] | None = None


class Content(Struct):
    """A part of a message or of reasoning: `output_text`, `refusal`, `reasoning_text`, ..."""

    type: str
    text: str | None = None
    refusal: str | None = None
    annotations: list[dict[str, Any]] | None = None
    logprobs: list[Logprob] | None = None
    extra_content: dict[str, Any] | None = None
    sluicegate: dict[str, Any] | None = None


class Item(Struct):
    """`message`, `function_call`, `custom_tool_call` or `reasoning`; of others the type alone."""

    type: str
    id: str | None = None
    content: list[Content] | None = None
    summary: list[Content] | None = None
    encrypted_content: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    input: str | None = None
    extra_content: dict[str, Any] | None = None


class Kind(Struct):
    """What kind of item it is."""

    type: str


class InputDetails(Struct):
    """Of the tokens that went in."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class OutputDetails(Struct):
    """Of the tokens that came out."""

    reasoning_tokens: int | None = None


class Used(Struct):
    """Tokens."""

    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None
    sluicegate: UsageBeside | None = None


class Incomplete(Struct):
    """Why it is not complete: `max_output_tokens`, `content_filter`, `max_messages`, `steered`."""

    reason: str | None = None


class Error(Struct):
    """Why it failed. In streams as the event `error` has it, flat or in an object."""

    code: str | int | None = None
    message: str | None = None
    param: str | None = None
    type: str | None = None


class Response(Struct):
    """A whole response, or what is there of it so far."""

    id: str
    model: str = ""
    created_at: float = 0
    status: str | None = None
    output: list[Raw] = []
    error: Error | None = None
    incomplete_details: Incomplete | None = None
    usage: Used | None = None
    service_tier: str | None = None
    access_programs: Any = None
    conversation: Any = None
    input_transformations: Any = None
    moderation: Any = None
    prompt_cache_diagnostics: Any = None
    tool_usage: Any = None
    sluicegate: dict[str, Any] | None = None


class Measured(Struct):
    """Of a whole response, what it used."""

    id: str
    object: str
    status: str | None = None
    usage: Used | None = None
    service_tier: str | None = None
    error: Error | None = None


RESPONSE: Final = Decoder(Response)
MEASURED: Final = Decoder(Measured)
ITEM: Final = Decoder(Item)
KIND: Final = Decoder(Kind)
PLAIN: Final = Decoder(dict[str, Any])

EXTRAS: Final = (
    "access_programs",
    "conversation",
    "input_transformations",
    "moderation",
    "prompt_cache_diagnostics",
    "tool_usage",
)
"""What only this API says about an answer."""
READ: Final = frozenset({"message", "function_call", "custom_tool_call", "reasoning"})
"""Types of items that have words of their own in the canonical form."""
