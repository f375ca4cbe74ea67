"""What goes wrong in the admin API, as RFC 9457 problems.

Handlers raise `Refused(problem, detail)` with a problem of errors.py, `Invalid(faults)` for a body
whose fields are wrong, or let the store's own errors pass; here all become one shape:

    {"type": "urn:sluicegate:problem:invalid", "title": "…", "status": 422, "detail": "…",
     "errors": [{"path": "routes.users.match.path", "message": "…"}], "instance": "urn:request:…"}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from litestar import Response
from litestar.exceptions import HTTPException, ValidationException

from sluicegate.errors import (
    BAD_CONTENT,
    BODY_TOO_LARGE,
    CONFLICT,
    FORBIDDEN,
    INTERNAL,
    INVALID,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    STALE,
    STORE_AWAY,
    UNAUTHENTICATED,
    UNAVAILABLE,
    UNSUPPORTED_MEDIA,
    Fault,
    Problem,
    Refused,
    SluicegateError,
    StoreAway,
)
from sluicegate.snapshot.draft import FURTHER, MOST
from sluicegate.store.contract import ClockBehind, Moved, Revoked, Stale

if TYPE_CHECKING:
    from litestar import Request

MEDIA: Final = "application/problem+json"
AGAIN: Final = ((b"retry-after", b"2"),)
"""Where the store is away: its breaker probes it at least once a second."""
BY_STATUS: Final = {
    problem.status: problem
    for problem in (
        BAD_CONTENT,
        UNAUTHENTICATED,
        FORBIDDEN,
        NOT_FOUND,
        METHOD_NOT_ALLOWED,
        CONFLICT,
        STALE,
        BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA,
        INVALID,
        UNAVAILABLE,
    )
}
"""Problems for statuses that the framework raises."""


class Invalid(Refused):
    """What was sent cannot be used (422); `faults` says where and why."""

    def __init__(self, faults: Sequence[Fault], detail: str | None = None) -> None:
        """Keep MOST of the faults; paths are from the root of the document or of the body."""
        super().__init__(INVALID, detail)
        more = [Fault("", 0, FURTHER)] if len(faults) > MOST else []
        self.faults = (*faults[:MOST], *more)


def invalid(path: str, message: str) -> Invalid:
    """Return the refusal for one wrong field or parameter."""
    return Invalid([Fault(path, 0, message)])


def missing(kind: str, name: str) -> Refused:
    """Return the refusal for a resource that is not there, or not for this caller to see."""
    if kind == "policies" and not name:
        return Refused(NOT_FOUND, "there are no policies here: the gateway's own list holds")
    return Refused(NOT_FOUND, f"there is no {kind} {name}")


def refusal_for(error: Exception) -> Refused:
    """Return what a caller is told of an exception; 500 for what nobody meant to raise."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, HTTPException):
        return _framework(error)
    if isinstance(error, StoreAway):
        return Refused(STORE_AWAY, "nothing can be read or changed now", AGAIN)
    if isinstance(error, SluicegateError):
        return _of_the_store(error)
    if isinstance(error, RecursionError):
        return Refused(BAD_CONTENT, "the body is nested too deeply")
    return Refused(INTERNAL)


def _of_the_store(error: SluicegateError) -> Refused:
    match error:
        case Stale():
            return Refused(STALE, str(error))
        case Revoked():
            return Refused(CONFLICT, str(error) or "it was revoked, and that is final")
        case Moved():
            detail = "the configuration is being changed by others all the time"
            return Refused(UNAVAILABLE, detail, AGAIN)
        case ClockBehind():
            detail = "the newest change is stamped ahead of this machine's clock: set the clock"
            return Refused(UNAVAILABLE, detail, AGAIN)
    return Refused(INTERNAL)


def problem_body(refused: Refused, request_id: str) -> dict[str, Any]:
    """Return the members of a problem document."""
    problem = refused.problem
    body: dict[str, Any] = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
    }
    if refused.detail:
        body["detail"] = refused.detail
    if isinstance(refused, Invalid):
        body["errors"] = [{"path": f.path, "message": f.message} for f in refused.faults]
    body["instance"] = "urn:request:" + request_id
    return body


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer with a problem; what nobody meant to raise is logged (a Litestar handler)."""
    refused = refusal_for(error)
    request_id = request.headers.get("x-request-id", "")
    if refused.problem is INTERNAL:
        structlog.get_logger().error("admin request failed", request_id=request_id, exc_info=error)
    body = msgspec.json.encode(problem_body(refused, request_id))
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in refused.headers}
    return Response(body, status_code=refused.problem.status, headers=headers, media_type=MEDIA)


def _framework(error: HTTPException) -> Refused:
    """Translate what Litestar refuses: unknown paths, methods, bodies and parameters."""
    if isinstance(error, ValidationException):
        return Invalid(_faults(error.extra)) if error.extra else Refused(INVALID, error.detail)
    problem: Problem = BY_STATUS.get(error.status_code, INTERNAL)
    if problem is NOT_FOUND:
        return Refused(NOT_FOUND, "there is nothing under this path")
    if problem is METHOD_NOT_ALLOWED:
        allow = ", ".join(sorted((error.headers or {}).get("allow", "").split(", ")))
        return Refused(METHOD_NOT_ALLOWED, None, ((b"allow", allow.encode("latin-1")),))
    return Refused(problem, None if problem is INTERNAL else error.detail)


def _faults(extra: object) -> list[Fault]:
    found = extra if isinstance(extra, list) else [extra]
    return [_fault(item) for item in found if isinstance(item, Mapping)]


def _fault(item: Mapping[str, Any]) -> Fault:
    path = str(item.get("key", ""))
    message = str(item.get("message", "not as expected"))
    if path == "data":  # the handler's name for the body as a whole
        return Fault("", 0, "expected a body" if message == "'data'" else message)
    return Fault(path, 0, message)
