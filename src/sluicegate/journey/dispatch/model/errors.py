"""What a caller is told of a failure, in its dialect, and what the log is told of it."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from sluicegate.errors import (
    BAD_CONTENT,
    BODY_TOO_LARGE,
    CONFLICT,
    FORBIDDEN,
    INTERNAL,
    NOT_FOUND,
    OVERLOADED,
    QUOTA_EXCEEDED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    UPSTREAM_FAILED,
    UPSTREAM_TIMEOUT,
    UPSTREAM_UNREACHABLE,
    ConnectFailed,
    ConnectTimeout,
    Problem,
    Refused,
    UpstreamReset,
    UpstreamTimeout,
)
from sluicegate.llm.failure import Failure, Kind

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.llm.dialect import Dialect

JSON: Final = b"application/json"
ANTHROPIC_OVERLOADED: Final = 529
"""What Anthropic answers instead of 503 (docs.anthropic.com, API errors)."""
CLOSED: Final = 499
"""From here on it is not the caller who is at fault."""
OURS_TO_SOLVE: Final = frozenset({"authentication", "permission"})
"""Said by a provider they are about our credentials, not about the caller's."""
OF_STATUS: Final[dict[int, Kind]] = {
    400: "invalid_request",
    401: "authentication",
    403: "permission",
    404: "not_found",
    405: "not_found",
    409: "conflict",
    413: "too_large",
    415: "invalid_request",
    422: "invalid_request",
    429: "rate_limited",
    500: "server_error",
    502: "bad_answer",
    503: "unavailable",
    504: "timeout",
}
PROBLEMS: Final[dict[str, Problem]] = {
    "invalid_request": BAD_CONTENT,
    "unsupported": BAD_CONTENT,
    "context_length": BAD_CONTENT,
    "content_filter": BAD_CONTENT,
    "authentication": UNAUTHENTICATED,
    "permission": FORBIDDEN,
    "not_found": NOT_FOUND,
    "conflict": CONFLICT,
    "too_large": BODY_TOO_LARGE,
    "rate_limited": QUOTA_EXCEEDED,
    "quota": QUOTA_EXCEEDED,
    "server_error": UPSTREAM_FAILED,
    "bad_answer": UPSTREAM_FAILED,
    "overloaded": OVERLOADED,
    "unreachable": UPSTREAM_UNREACHABLE,
    "unavailable": UNAVAILABLE,
    "timeout": UPSTREAM_TIMEOUT,
}


class ErrorForm:
    """How errors are told in one dialect (`exchange.speaks`)."""

    __slots__ = ("dialect",)

    def __init__(self, dialect: Dialect) -> None:
        """Keep the dialect."""
        self.dialect = dialect

    def refusal(
        self, problem: Problem, detail: str | None, request_id: str
    ) -> tuple[int, bytes, bytes]:
        """Write a local answer's error."""
        others: Kind = "invalid_request" if problem.status < CLOSED else "server_error"
        kind = OF_STATUS.get(problem.status, others)
        if problem is OVERLOADED:
            kind = "overloaded"
        message = f"{problem.title}: {detail}" if detail else problem.title
        failure = Failure(
            kind=kind, status=problem.status, message=message, code=problem.slug, ours=True
        )
        return status_of(failure, self.dialect), JSON, self.body(failure, request_id)

    def body(self, failure: Failure, request_id: str) -> bytes:
        """Write a failure's body."""
        return self.dialect.write_failure(failure, request_id)


def status_of(failure: Failure, dialect: Dialect) -> int:
    """Return the status that a caller of `dialect` knows the failure by."""
    if failure.kind == "overloaded":
        return ANTHROPIC_OVERLOADED if dialect.family == "anthropic" else OVERLOADED.status
    return failure.status


def known(failure: Failure, dialect: Dialect) -> Failure:
    """Return a failure with the status that a caller of `dialect` knows it by."""
    status = status_of(failure, dialect)
    return failure if status == failure.status else replace(failure, status=status)


def shown(failure: Failure) -> Failure:
    """Return what a caller may know: of our credentials at a provider, nothing but that."""
    if failure.ours or failure.kind not in OURS_TO_SOLVE:
        return failure
    message = "the gateway's credentials were refused by the model's provider"
    return Failure(kind="server_error", status=502, message=message, code="provider_credentials")


def tell(exchange: Exchange, form: ErrorForm, failure: Failure, raw: bytes | None = None) -> None:
    """Answer with a failure; `raw` is the provider's own body, where the caller may have that.

    Does nothing once a head has been sent.
    """
    if exchange.head_sent:
        return
    exchange.forget_response()
    exchange.problem = PROBLEMS.get(failure.kind, INTERNAL)
    exchange.outcome = failure.kind
    if exchange.call is not None:
        exchange.call.failure = failure
    headers = [(b"content-type", JSON), (b"cache-control", b"no-store")]
    if failure.retry_after_s is not None:
        headers.append((b"retry-after", str(ceil(failure.retry_after_s)).encode()))
    said = known(failure, form.dialect)
    body = form.body(said, exchange.request.request_id) if raw is None else raw
    exchange.respond(said.status, headers, body)


def unavailable(message: str, retry_after_s: float | None) -> Failure:
    """Say that nobody can be asked now."""
    return Failure(
        kind="unavailable", status=503, message=message, retry_after_s=retry_after_s, ours=True
    )


def bad_answer(message: str) -> Failure:
    """Say that what came is not what the dialect says."""
    return Failure(kind="bad_answer", status=502, message=message, ours=True)


def of_error(error: Exception) -> Failure:
    """Return what a failed attempt at a provider is."""
    if isinstance(error, UpstreamTimeout):
        return late("the model's provider did not answer in time")
    if isinstance(error, ConnectFailed | ConnectTimeout):
        return unreachable()
    if isinstance(error, UpstreamReset):
        return bad_answer("the model's provider ended the connection before its answer was whole")
    if isinstance(error, Refused):
        return unavailable(error.detail or error.problem.title, 1.0)
    return bad_answer("the model's provider did not give a valid answer")


def unreachable() -> Failure:
    """Say that there was no connection, or one that ended before an answer began."""
    message = "the model's provider cannot be reached"
    return Failure(kind="unreachable", status=503, message=message, ours=True)


def late(message: str) -> Failure:
    """Say that nothing came in time."""
    return Failure(kind="timeout", status=504, message=message, ours=True)
