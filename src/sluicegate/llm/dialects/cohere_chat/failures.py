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
from sluicegate.llm.statuses import STATUS, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

TOO_LONG: Final = "too many tokens:"
BLOCKED: Final = ("blocked input:", "blocked output:")
UNQUOTED: Final[dict[Kind, str]] = {
    "authentication": "Cohere does not take the gateway's key",
    "permission": "Cohere does not let the gateway's key do this",
}


def read_failure(status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
    """Classify an answer with an error status. Never raises."""
    message = _message(body)
    kind = kind_of(status)
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
