"""Errors as OpenAI says them: whole, in streams, and in a response that failed.

Whole: `{"error": {message, type, param, code}}` (openai/types/shared/error_object.py); the SDK
chooses its exception by the status alone (openai/_client.py, `_make_status_error`). In a stream the
event `error` comes first, whose fields stand in an object `error`, although the SDK's own type has
them flat (openai/types/responses/response_error_event.py), and then `response.failed`. The SDK
raises APIError for the object alone (openai/_streaming.py), so both forms are written at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import ValidationError, convert, json

from sluicegate.llm.dialects.openai_responses.answer_shape import Error
from sluicegate.llm.failure import Failure, Kind
from sluicegate.llm.retry_after import retry_after_s

if TYPE_CHECKING:
    from collections.abc import Mapping

BY_CODE: Final[dict[str, Kind]] = {
    "context_length_exceeded": "context_length",
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
    "image_content_policy_violation": "content_filter",
    "moderation_blocked": "content_filter",
    "bio_policy": "content_filter",
    "misalignment_policy_violation": "content_filter",
    "invalid_prompt": "content_filter",
    "insufficient_quota": "quota",
    "billing_hard_limit_reached": "quota",
    "billing_not_active": "quota",
    "rate_limit_exceeded": "rate_limited",
    "model_not_found": "not_found",
    "invalid_api_key": "authentication",
    "server_is_overloaded": "overloaded",
    "slow_down": "overloaded",
    "server_error": "server_error",
    "unsupported_parameter": "unsupported",
    "unsupported_value": "unsupported",
}
BY_TYPE: Final[dict[str, Kind]] = {
    "insufficient_quota": "quota",
    "authentication_error": "authentication",
    "permission_error": "permission",
    "not_found_error": "not_found",
    "rate_limit_error": "rate_limited",
    "tokens": "rate_limited",
    "requests": "rate_limited",
    "server_error": "server_error",
    "service_unavailable_error": "overloaded",
    "invalid_request_error": "invalid_request",
}
BY_STATUS: Final[dict[int, Kind]] = {
    400: "invalid_request",
    401: "authentication",
    402: "quota",
    403: "permission",
    404: "not_found",
    408: "timeout",
    409: "conflict",
    413: "too_large",
    422: "invalid_request",
    429: "rate_limited",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
STATUS: Final[dict[str, int]] = {
    "authentication": 401,
    "permission": 403,
    "not_found": 404,
    "conflict": 409,
    "too_large": 413,
    "rate_limited": 429,
    "quota": 429,
    "server_error": 500,
    "bad_answer": 502,
    "overloaded": 503,
    "unreachable": 503,
    "unavailable": 503,
    "timeout": 504,
}
"""Of kinds; 400 for the others."""
WORDS: Final[dict[str, tuple[str, str | None]]] = {
    "invalid_request": ("invalid_request_error", None),
    "unsupported": ("invalid_request_error", "unsupported_parameter"),
    "context_length": ("invalid_request_error", "context_length_exceeded"),
    "content_filter": ("invalid_request_error", "content_filter"),
    "authentication": ("invalid_request_error", "invalid_api_key"),
    "permission": ("invalid_request_error", None),
    "not_found": ("invalid_request_error", "model_not_found"),
    "conflict": ("invalid_request_error", None),
    "too_large": ("invalid_request_error", None),
    "rate_limited": ("rate_limit_error", "rate_limit_exceeded"),
    "quota": ("insufficient_quota", "insufficient_quota"),
    "overloaded": ("server_error", "server_is_overloaded"),
}
"""`type` and `code` of kinds; `server_error` for the others."""
SAYS_NOTHING: Final = "the provider failed and did not say why"


def error_object(failure: Failure) -> dict[str, str | None]:
    """Return the fields of an error."""
    kind, code = WORDS.get(failure.kind, ("server_error", "server_error"))
    return {
        "message": failure.message,
        "type": kind,
        "param": failure.field,
        "code": failure.code or code,
    }


def write_failure(failure: Failure) -> bytes:
    """Write the body of an error."""
    return json.encode({"error": error_object(failure)})


def read_failure(status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
    """Classify an answer with an error status. Never raises."""
    try:
        whole = json.decode(body)
    except (ValueError, RecursionError):
        whole = None
    found = whole.get("error", whole) if isinstance(whole, dict) else None
    if isinstance(found, str):
        found = {"message": found}
    known = status if 400 <= status < 600 else None  # noqa: PLR2004 - HTTP's errors
    return _failure(_error(found), known, retry_after_s(headers))


def failure_of(error: Error | None) -> Failure:
    """Classify an error that came with status 200, as that of a stream or a failed response."""
    return _failure(error or Error(), None, None)


def stream_failure(event: Mapping[str, Any]) -> Failure:
    """Classify an `error` event, flat or with an object."""
    nested = event.get("error")
    fields = nested if isinstance(nested, dict) else {**event, "type": None}
    return failure_of(_error(fields))


def _error(fields: object) -> Error:
    try:
        return convert(fields, Error)
    except ValidationError:
        return Error()


def _failure(error: Error, status: int | None, wait_s: float | None) -> Failure:
    code = None if error.code is None else str(error.code)
    kind = BY_CODE.get(code or "")
    if kind is None and status is not None and status != 429:  # noqa: PLR2004 - quota or too many
        kind = BY_STATUS.get(status, "server_error" if status >= 500 else "invalid_request")  # noqa: PLR2004 - HTTP
    if kind is None:
        kind = BY_TYPE.get(error.type or "", "server_error" if status is None else "rate_limited")
    return Failure(
        kind=kind,
        status=STATUS.get(kind, 400) if status is None else status,
        message=error.message or SAYS_NOTHING,
        code=code,
        field=error.param,
        retry_after_s=wait_s,
    )
