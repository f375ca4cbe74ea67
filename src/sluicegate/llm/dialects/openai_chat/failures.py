"""Errors of OpenAI and of those who speak its dialects, for `openai_responses` as well.

OpenAI: `{"error": {message, type, param, code}}` (types/shared/error_object.py); its codes are
those of platform.openai.com, "Error codes", of a response that failed
(types/responses/response_error.py), and of Azure, "Content filtering" (`innererror.code`).
Mistral and older vLLM leave the outer object out, Google's OpenAI form puts it into a list, FastAPI
servers say `detail`, Hugging Face and Ollama may say `{"error": "text"}`.

A text about keys, accounts, limits or the vendor's own trouble is not passed on: it may quote a key
or name an organisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from sluicegate.llm.failure import Failure, Kind
from sluicegate.llm.retry_after import retry_after_s
from sluicegate.llm.statuses import ERRORS, STATUS, kind_of

MAX_TEXT: Final = 2000
"""Characters of a provider's message: enough for the longest that OpenAI says of a schema."""

KINDS: Final[dict[str, Kind]] = {
    "context_length_exceeded": "context_length",
    "string_above_max_length": "context_length",
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
    "ResponsibleAIPolicyViolation": "content_filter",
    "moderation_blocked": "content_filter",
    "image_content_policy_violation": "content_filter",
    "bio_policy": "content_filter",
    "misalignment_policy_violation": "content_filter",
    "invalid_prompt": "content_filter",
    "insufficient_quota": "quota",
    "billing_hard_limit_reached": "quota",
    "billing_not_active": "quota",
    "rate_limit_exceeded": "rate_limited",
    "rate_limit_error": "rate_limited",
    "rate_limited": "rate_limited",
    "tokens": "rate_limited",
    "requests": "rate_limited",
    "invalid_api_key": "authentication",
    "authentication_error": "authentication",
    "permission_error": "permission",
    "model_not_found": "not_found",
    "not_found_error": "not_found",
    "overloaded": "overloaded",
    "overloaded_error": "overloaded",
    "server_overloaded": "overloaded",
    "server_is_overloaded": "overloaded",
    "service_unavailable": "overloaded",
    "service_unavailable_error": "overloaded",
    "slow_down": "overloaded",
    "unsupported_parameter": "unsupported",
    "unsupported_value": "unsupported",
    "exceed_context_size_error": "context_length",
    "bad_answer": "bad_answer",
    "unreachable": "unreachable",
    "unavailable": "unavailable",
    "timeout": "timeout",
}
"""By `code`, `innererror.code` or `type`. `exceed_context_size_error` is llama.cpp's server,
what follows it is another gateway's like this one."""

SAYABLE: Final[frozenset[Kind]] = frozenset(
    {
        "invalid_request",
        "unsupported",
        "context_length",
        "content_filter",
        "conflict",
        "too_large",
    }
)
PLAIN: Final[dict[Kind, str]] = {
    "invalid_request": "the provider refused the request",
    "unsupported": "the provider has no way to do this",
    "context_length": "the request is too long for the model",
    "content_filter": "the provider's filter refused the request",
    "authentication": "the provider refused the gateway's credentials",
    "permission": "the provider does not permit this",
    "not_found": "the provider has no such model or object",
    "conflict": "the request conflicts with what the provider has",
    "too_large": "the request is too large for the provider",
    "rate_limited": "the provider's rate limit is reached",
    "quota": "the provider's quota is used up",
    "overloaded": "the provider is overloaded",
    "timeout": "the provider took too long",
}
WORDS: Final[dict[Kind, tuple[str, str | None]]] = {
    "invalid_request": ("invalid_request_error", None),
    "unsupported": ("invalid_request_error", "unsupported_parameter"),
    "context_length": ("invalid_request_error", "context_length_exceeded"),
    "content_filter": ("invalid_request_error", "content_filter"),
    "authentication": ("invalid_request_error", "invalid_api_key"),
    "permission": ("permission_error", None),
    "not_found": ("invalid_request_error", "model_not_found"),
    "conflict": ("invalid_request_error", "conflict"),
    "too_large": ("invalid_request_error", "request_too_large"),
    "rate_limited": ("rate_limit_error", "rate_limit_exceeded"),
    "quota": ("insufficient_quota", "insufficient_quota"),
}
"""(type, code) as OpenAI says them; all others are a `server_error` with the kind as code."""


def read_failure(status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
    """Classify an answer with an error status. Never raises: `body` may be anything."""
    return _failure(status, _error_in(_plain(body)), retry_after_s(headers))


def failure_of_error(error: bytes) -> Failure:
    """Classify the `error` of a chunk."""
    found = _plain(error)
    return failure_of(found if isinstance(found, dict) else {"message": found})


def failure_of(error: dict[str, Any]) -> Failure:
    """Classify an error without a status. It may hold that as its code, as OpenRouter has it."""
    code = error.get("code")
    status = code if isinstance(code, int) and code in ERRORS else 0
    if not status and error.get("type") == "invalid_request_error":
        status = 400
    return _failure(status, error, None)


def write_failure(failure: Failure, request_id: str) -> bytes:
    """Write the body of an error; `request_id` stands beside it, as in the header."""
    return msgspec.json.encode({"error": error_shaped(failure), "request_id": request_id})


def error_shaped(failure: Failure) -> dict[str, Any]:
    """Write an ErrorObject."""
    kind, code = WORDS.get(failure.kind, ("server_error", failure.kind))
    return {
        "message": failure.message,
        "type": kind,
        "param": failure.field,
        "code": failure.code or code,
    }


def _plain(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None


def _error_in(said: object) -> dict[str, Any]:
    """Return the object of an error, wherever it stands; {} for none."""
    if isinstance(said, list) and said:
        said = said[0]
    if not isinstance(said, dict):
        return {}
    error = said.get("error", said)
    if isinstance(error, dict):
        return error
    return {**said, "message": error}


def _failure(status: int, error: dict[str, Any], retry: float | None) -> Failure:
    inner = error.get("innererror")
    words = [
        error.get("code"),
        inner.get("code") if isinstance(inner, dict) else None,
        error.get("type"),
    ]
    kind = next((KINDS[word] for word in words if isinstance(word, str) and word in KINDS), None)
    if kind is None:
        kind = kind_of(status)
    message = error.get("message", error.get("detail"))
    said = kind in SAYABLE and isinstance(message, str) and message != ""
    code, field = error.get("code"), error.get("param")
    return Failure(
        kind=kind,
        status=STATUS[kind],
        message=str(message)[:MAX_TEXT] if said else PLAIN.get(kind, "the provider failed"),
        code=code[:MAX_TEXT] if isinstance(code, str) and code else None,
        field=field[:MAX_TEXT] if isinstance(field, str) and field else None,
        retry_after_s=retry,
    )
