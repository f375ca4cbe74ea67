"""Errors of Cohere, read and written: `{"message": …, "id": …}`.

Sources: cohere 7.3, `errors/` (statuses: 400, 401, 403, 404, 422, 429, 498 invalid token, 499, 500,
501, 503, 504) and docs.cohere.com/reference/errors (402 too; there, 498 is an unsafe request, whose
message begins with `blocked input:` or `blocked output:`). There are no codes. A prompt that is
too long is a 400 whose message begins with fixed words; they count at the beginning only, where no
caller's words stand. What is said about keys is not passed on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sluicegate.llm.failure import Failure, Kind
from sluicegate.llm.retry_after import retry_after_s

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS: Final[dict[int, Kind]] = {
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
    498: "authentication",
    499: "timeout",
    501: "unsupported",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
STATUS: Final[dict[Kind, int]] = {
    "invalid_request": 400,
    "unsupported": 400,
    "context_length": 400,
    "content_filter": 400,
    "authentication": 401,
    "permission": 403,
    "not_found": 404,
    "conflict": 409,
    "too_large": 413,
    "rate_limited": 429,
    "quota": 429,
    "server_error": 500,
    "overloaded": 503,
    "timeout": 504,
}
TOO_LONG: Final = "too many tokens:"
BLOCKED: Final = ("blocked input:", "blocked output:")
UNQUOTED: Final[dict[Kind, str]] = {
    "authentication": "Cohere does not take the gateway's key",
    "permission": "Cohere does not let the gateway's key do this",
}


def read_failure(status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
    """Classify an answer with an error status. Never raises."""
    message = _message(body)
    server = status >= 500  # noqa: PLR2004 - HTTP
    kind = KINDS.get(status, "server_error" if server else "invalid_request")
    if kind == "invalid_request" and message.startswith(TOO_LONG):
        kind = "context_length"
    elif status in (400, 498) and message.startswith(BLOCKED):
        kind = "content_filter"
    return Failure(
        kind=kind,
        status=STATUS[kind],
        message=UNQUOTED.get(kind) or message or "Cohere answered with an error",
        retry_after_s=retry_after_s(headers),
    )


def read_streamed(message: str) -> Failure:
    """Return the failure that stands in a stream."""
    return Failure(
        kind="server_error", status=500, message=message or "Cohere failed to finish the answer"
    )


def write_failure(failure: Failure, request_id: str) -> bytes:
    """Write the body of an error."""
    return json.dumps({"id": request_id, "message": failure.message}).encode()


def _message(body: bytes) -> str:
    try:
        plain: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    message = plain.get("message") if isinstance(plain, dict) else None
    return message if isinstance(message, str) else ""
