"""What all SDKs are asked in a scenario, and what each says it was answered, in one form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel

from support.llm_goldens import FOX, PNG

USER = {
    "text": "Say something.",
    "system": "Say something.",
    "tools": "Weather in Paris?",
    "parallel_tools": "Weather in Paris and London?",
    "tool_results": "Weather in Paris?",
    "structured": "Who wrote the first program?",
    "image": "What is this?",
    "reasoning": "What is two and two?",
    "handed_back": "What is two and two?",
    "stop_sequence": "Count until END.",
    "cached": "Say something.",
    "length": "Say something.",
    "content_filter": "Say something bad.",
}
"""What the user says first."""
AGAIN = "And three more?"
"""What the user says once the model's reasoning is handed back."""
BRIEF = "You are brief."
RESULT = "18 degrees"
TOOL, CITY = "get_weather", "Paris"
ABOUT = "Get the weather of a city."
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
THOUGHT, SIGNATURE = "Two and two make four.", "c2lnbmF0dXJl"
MOST = 4
"""Tokens, in the scenario `length`."""


class Person(BaseModel):
    """What is wanted in the scenario `structured`."""

    name: str
    age: int


@dataclass
class Said:
    """An answer. `turn` is what the SDK hands back of it in the next call, in its own form."""

    text: str = ""
    thinking: str = ""
    signature: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    stop: str = ""
    usage: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Input, output, cached, reasoning."""
    parsed: object = None
    turn: list[Any] = field(default_factory=list)
    pieces: int = 1
    """Of a stream: how many pieces of text there were."""


STATUSES = {
    "invalid_request": 400,
    "context_length": 400,
    "content_filter": 400,
    "caller_key": 401,
    "caller_model": 403,
    "no_model": 404,
    "not_found": 404,
    "rate_limited": 429,
    "quota": 429,
    "server_error": 500,
    "authentication": 502,
    "permission": 502,
    "overloaded": 503,
}
"""What a caller is told, by what went wrong."""
NAMES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    403: "PermissionDeniedError",
    404: "NotFoundError",
    429: "RateLimitError",
}
"""Classes that the SDKs of OpenAI and of Anthropic both have, by status."""


def name_of(status: int) -> str:
    """Return the class that the SDKs of OpenAI and of Anthropic raise."""
    return NAMES.get(status, "InternalServerError")


def errors_of(name: Callable[[int], str], **others: tuple[str, int]) -> dict[str, tuple[str, int]]:
    """Return what an SDK raises, class and status: by the status, but for `others`."""
    return {what: (name(status), status) for what, status in STATUSES.items()} | others


@dataclass
class Refused:
    """The exception that an SDK raised: its class and those above it, 0 for a status it lacks."""

    names: list[str]
    status: int
    text: str
    retry_after: str | None = None


def refused_with(error: Any) -> Refused:
    """Read an exception that has its answer, as those of OpenAI and of Anthropic have."""
    after = error.response.headers.get("retry-after")
    return Refused(classes_of(error), error.status_code, str(error), after)


def classes_of(error: Exception) -> list[str]:
    """Return the names of an exception's class and of those that it extends."""
    return [each.__name__ for each in type(error).__mro__]


class Caller(Protocol):
    """One official SDK, or one of its two ways to call."""

    name: str
    dialect: str
    stops: dict[str, set[str]]
    """Its own words for why an answer ended, by the plain word."""
    errors: dict[str, tuple[str, int]]
    """The exception's class and status, by what went wrong."""

    def ask(self, model: str, scenario: str, *, stream: bool, back: Said | None = None) -> Said:
        """Call in a scenario. Raises the SDK's exceptions. `back`: an answer to hand back."""

    def refused(self, error: Exception) -> Refused | None:
        """Read an exception; None where it is none of this SDK's."""

    def first_of(self, model: str) -> AbstractContextManager[Iterator[Any]]:
        """Begin a stream; leaving closes it."""

    async def whole(self, model: str) -> None:
        """Call by the SDK's async client, so that the call can be cancelled."""

    def close(self) -> None:
        """Close the connections."""


def has_word(caller: Caller, scenario: str) -> bool:
    """Whether the SDK can ask for it at all: the Responses API has no stop sequences."""
    return not (caller.dialect == "openai_responses" and scenario == "stop_sequence")


__all__ = [
    "ABOUT",
    "AGAIN",
    "BRIEF",
    "CITY",
    "FOX",
    "MOST",
    "PNG",
    "RESULT",
    "SCHEMA",
    "SIGNATURE",
    "THOUGHT",
    "TOOL",
    "USER",
    "Caller",
    "Person",
    "Refused",
    "Said",
    "classes_of",
    "errors_of",
    "has_word",
    "name_of",
    "refused_with",
]
