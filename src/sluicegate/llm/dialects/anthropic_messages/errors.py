"""Errors of the Messages API.

Source: platform.claude.com, "Claude API errors": `{"type": "error", "error": {"type", "message",
"details": {"error_code"}}, "request_id"}`; anthropic-sdk-python `_exceptions.py`,
`_error_classes.py` (classes by status), `types/shared/error_type.py`, `types/shared/*_details.py`.

A prompt that is too long, an answer that is filtered, and an empty account have neither a status
nor a code of their own: all are `invalid_request_error`. They are known by the API's own sentence,
whole (SENTENCES): a caller's words inside of another sentence are never taken for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from sluicegate.llm.failure import Failure, Kind
from sluicegate.llm.retry_after import retry_after_s
from sluicegate.llm.statuses import STATUS, kind_of

TYPES: Final[dict[Kind, str]] = {
    "invalid_request": "invalid_request_error",
    "unsupported": "invalid_request_error",
    "context_length": "invalid_request_error",
    "content_filter": "invalid_request_error",
    "authentication": "authentication_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "conflict": "conflict_error",
    "too_large": "request_too_large",
    "rate_limited": "rate_limit_error",
    "quota": "rate_limit_error",
    "server_error": "api_error",
    "bad_answer": "api_error",
    "overloaded": "overloaded_error",
    "unreachable": "api_error",
    "unavailable": "api_error",
    "timeout": "timeout_error",
}
BY_TYPE: Final[dict[str, Kind]] = {
    "authentication_error": "authentication",
    "billing_error": "quota",
    "permission_error": "permission",
    "not_found_error": "not_found",
    "conflict_error": "conflict",
    "request_too_large": "too_large",
    "rate_limit_error": "rate_limited",
    "timeout_error": "timeout",
    "overloaded_error": "overloaded",
}
SPENT: Final = frozenset(
    {
        "enforced_spend_limit_reached",
        "contract_spend_limit_reached",
        "linked_organization_spend_limit_reached",
        "linked_organization_billing_unavailable",
    }
)
"""`types/shared/*_spend_limit_reached_error_details.py`: 429 without an end in sight."""
SENTENCES: Final[tuple[tuple[re.Pattern[str], Kind], ...]] = (
    (re.compile(r"prompt is too long: \d+ tokens > \d+ maximum"), "context_length"),
    (
        re.compile(
            r"input length and `max_tokens` exceed context limit: \d+ \+ \d+ > \d+"
            r"(, decrease input length or `max_tokens` and try again)?"
        ),
        "context_length",
    ),
    (re.compile(r"Output blocked by content filtering policy"), "content_filter"),
    (
        re.compile(
            r"Your credit balance is too low to access the Anthropic API\."
            r"( Please go to Plans & Billing to upgrade or purchase credits\.)?"
        ),
        "quota",
    ),
)
REFUSED: Final = "the provider refused the gateway's credentials"
"""Said in place of the provider's words, which may hold a part of a key."""
MAX_MESSAGE: Final = 2000


class ErrorIn(Struct):
    """What is wrong."""

    type: str = ""
    message: str = ""
    details: Any = None


class ErrorBody(Struct):
    """A body, or the data of an event `error`."""

    error: ErrorIn


BODY: Final = msgspec.json.Decoder(ErrorBody)
ENCODER: Final = msgspec.json.Encoder()


def read_failure(status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
    """Classify an answer with an error status. Never raises."""
    try:
        error = BODY.decode(body).error
    except (ValueError, RecursionError):
        error = ErrorIn()
    return failure_of(error, status, retry_after_s(headers))


def failure_of(error: ErrorIn, status: int = 0, retry_after: float | None = None) -> Failure:
    """Classify an error; `status` is 0 in a stream."""
    code = error.details.get("error_code") if isinstance(error.details, dict) else None
    code = code if isinstance(code, str) else None
    kind = _kind(error, code, status)
    message = error.message[:MAX_MESSAGE] or "the provider reported an error"
    if kind in ("authentication", "permission"):
        message = REFUSED
    return Failure(
        kind=kind,
        status=STATUS[kind],
        message=message,
        code=code,
        retry_after_s=retry_after,
    )


def _kind(error: ErrorIn, code: str | None, status: int) -> Kind:
    if code in SPENT:
        return "quota"
    kind = BY_TYPE.get(error.type) or kind_of(status)
    if kind == "server_error" and error.type == "invalid_request_error":
        kind = "invalid_request"
    if kind == "invalid_request":
        said = (meant for sentence, meant in SENTENCES if sentence.fullmatch(error.message))
        return next(said, kind)
    return kind


def plain(failure: Failure) -> dict[str, Any]:
    """Return the object of an error, without the request's id."""
    error: dict[str, Any] = {"type": TYPES[failure.kind], "message": failure.message}
    if failure.code is not None:
        error["details"] = {"error_code": failure.code}
    return {"type": "error", "error": error}


def write_failure(failure: Failure, request_id: str) -> bytes:
    """Write the body of an error."""
    return ENCODER.encode({**plain(failure), "request_id": request_id or None})
