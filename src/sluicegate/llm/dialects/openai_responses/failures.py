"""Errors as OpenAI says them: whole, in streams, and in a response that failed.

They are those of `openai_chat`, which see: `{"error": {message, type, param, code}}`
(openai/types/shared/error_object.py); the SDK chooses its exception by the status alone
(openai/_client.py, `_make_status_error`). In a stream the event `error` comes first, whose fields
stand in an object `error`, although the SDK's own type has them flat
(openai/types/responses/response_error_event.py), and then `response.failed`. The SDK raises
APIError for the object alone (openai/_streaming.py), so both forms are written at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import json, structs

from sluicegate.llm.dialects.openai_chat import failures as chat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluicegate.llm.dialects.openai_responses.answer_shape import Error
    from sluicegate.llm.failure import Failure, Kind

CODES: Final[dict[Kind, str]] = {
    "overloaded": "server_is_overloaded",
    "bad_answer": "server_error",
    "unreachable": "server_error",
    "unavailable": "server_error",
    "timeout": "server_error",
}
"""Codes that differ from those of chat: clients know no others of a response that failed."""


def error_object(failure: Failure) -> dict[str, Any]:
    """Return the fields of an error."""
    error = chat.error_shaped(failure)
    if failure.code is None and failure.kind in CODES:
        error["code"] = CODES[failure.kind]
    return error


def write_failure(failure: Failure) -> bytes:
    """Write the body of an error."""
    return json.encode({"error": error_object(failure)})


def read_failure(status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
    """Classify an answer with an error status. Never raises."""
    return chat.read_failure(status, headers, body)


def failure_of(error: Error | None) -> Failure:
    """Classify the error of a response that failed."""
    return chat.failure_of({} if error is None else structs.asdict(error))


def stream_failure(event: Mapping[str, Any]) -> Failure:
    """Classify an `error` event, flat or with an object."""
    nested = event.get("error")
    return chat.failure_of(nested if isinstance(nested, dict) else {**event, "type": None})
