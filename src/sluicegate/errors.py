"""Every error that Sluicegate raises or answers with, drawn as a tree.

    SluicegateError
    ├── ConfigError        what an operator wrote cannot be used; holds every fault found
    ├── Refused            the exchange ends with a local answer; knows its problem
    ├── StateAway          the state cannot be asked in time; limits do what their `away` says
    ├── StoreAway          the store cannot be asked in time; what is known goes on
    └── UpstreamError      an attempt at a target failed
        ├── ConnectFailed      nothing was sent: refused, unreachable, TLS, DNS
        │   └── CredentialsAway a provider's credentials cannot be had now
        ├── ConnectTimeout     nothing was sent: no connection in time
        │   └── PoolFull           the same, and none was even begun: all are in use
        ├── UpstreamReset      the connection ended before the response did
        ├── UpstreamTimeout    the target was silent for too long
        ├── UpstreamInvalid    the target's bytes are not an HTTP/1.1 response
        ├── UpstreamAnswered   it answered with a status that is tried again elsewhere
        ├── UpstreamTooLarge   its body is larger than a policy may hold back
        └── HedgeLost          another attempt at the same request was faster

A `Problem` is one kind of local answer (RFC 9457): a stable type, a status and a title. `detail` is
written per answer and never holds internals: no addresses of targets, no exception texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

TYPE_PREFIX = "urn:sluicegate:problem:"
REGISTRY = "https://iana.org/assignments/http-problem-types#"
SERVER_ERROR = 500
"""The first status that is no fault of the caller's (RFC 9110, 15.6)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of answer the gateway gives itself. `slug` is stable: clients may match on it.

    `registered` is said of problems that IANA's registry (or a draft for it) has a type for.
    """

    slug: str
    status: int
    title: str
    registered: bool = False

    @property
    def type(self) -> str:
        """The RFC 9457 `type` member."""
        return (REGISTRY if self.registered else TYPE_PREFIX) + self.slug


MALFORMED = Problem("malformed-request", 400, "The request is not valid HTTP/1.1")
BAD_TARGET = Problem("bad-target", 400, "The request target is ambiguous or malformed")
BAD_HEADER = Problem("bad-header", 400, "A header of the request cannot be read")
BAD_CONTENT = Problem("bad-content", 400, "The request's body is not what its type says")
UNAUTHENTICATED = Problem("unauthenticated", 401, "A valid key is required")
FORBIDDEN = Problem("forbidden", 403, "The caller may not do this")
NO_ROUTE = Problem("no-route", 404, "No route matches the request")
NOT_FOUND = Problem("not-found", 404, "There is nothing of this name")
METHOD_NOT_ALLOWED = Problem("method-not-allowed", 405, "The route does not take this method")
CLIENT_TIMEOUT = Problem("client-timeout", 408, "The request did not arrive in time")
CONFLICT = Problem("conflict", 409, "This cannot be done to what is there")
STALE = Problem("stale", 412, "What was to be changed is no longer what it was")
BODY_TOO_LARGE = Problem("body-too-large", 413, "The request body is too large")
TARGET_TOO_LONG = Problem("target-too-long", 414, "The request target is too long")
UNSUPPORTED_MEDIA = Problem("unsupported-media-type", 415, "The body is of a type not taken here")
EXPECTATION_FAILED = Problem("expectation-failed", 417, "The expectation cannot be met")
INVALID = Problem("invalid", 422, "What was sent cannot be used")
PRECONDITION_REQUIRED = Problem("precondition-required", 428, "Say what is to be replaced")
QUOTA_EXCEEDED = Problem("quota-exceeded", 429, "The caller has used up a limit", registered=True)
ABNORMAL_USAGE = Problem(
    "abnormal-usage-detected", 429, "The caller has failed too often", registered=True
)
HEADERS_TOO_LARGE = Problem("headers-too-large", 431, "The request headers are too large")
CLIENT_GONE = Problem("client-gone", 499, "The client went away before the answer")
INTERNAL = Problem("internal-error", 500, "The gateway failed to handle the request")
NOT_IMPLEMENTED = Problem("not-implemented", 501, "The gateway does not do this")
UPSTREAM_FAILED = Problem("upstream-failed", 502, "The service did not give a valid response")
UPSTREAM_UNREACHABLE = Problem("upstream-unreachable", 503, "The service cannot be reached")
UNAVAILABLE = Problem("unavailable", 503, "The gateway cannot take the request now")
STORE_AWAY = Problem("store-away", 503, "The store cannot be reached now")
REDUCED_CAPACITY = Problem(
    "temporary-reduced-capacity", 503, "Limits cannot be counted now", registered=True
)
OVERLOADED = Problem("overloaded", 503, "The service has more requests than it can take")
MAINTENANCE = Problem("maintenance", 503, "The service is being worked on")
FAULT_INJECTED = Problem("fault-injected", 503, "A fault was injected, with the status of a drill")
UPSTREAM_TIMEOUT = Problem("upstream-timeout", 504, "The service did not answer in time")
DEADLINE_PASSED = Problem("deadline-passed", 504, "The caller's deadline has passed")
VERSION_NOT_SUPPORTED = Problem("version-not-supported", 505, "Only HTTP/1.1 and 1.0 are spoken")

PROBLEMS = tuple(value for value in list(globals().values()) if isinstance(value, Problem))


class SluicegateError(Exception):
    """The root of every error raised on purpose."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a configuration.

    `path` is dotted from the document's root (`routes.users.match.path`, list items as `[0]`);
    `line` is 1-based, 0 where there is no file; `message` says what was found and what was expected
    and never holds a resolved secret.
    """

    path: str
    line: int
    message: str


class ConfigError(SluicegateError):
    """A configuration cannot be used; `faults` holds everything found wrong, in file order."""

    def __init__(self, faults: list[Fault]) -> None:
        """Keep the faults; the message lists them one to a line."""
        super().__init__("\n".join(f"{f.path}:{f.line}: {f.message}" for f in faults))
        self.faults = faults


class Refused(SluicegateError):
    """The exchange ends with a local answer. Raised where no `Exchange` is at hand."""

    def __init__(
        self,
        problem: Problem,
        detail: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        """Name the problem, what in particular went wrong, and headers for the answer."""
        super().__init__(detail or problem.title)
        self.problem = problem
        self.detail = detail
        self.headers = headers


class ErrorForm(Protocol):
    """How errors are told to a caller who expects another form than a problem document."""

    def refusal(
        self, problem: Problem, detail: str | None, request_id: str
    ) -> tuple[int, bytes, bytes]:
        """Return status, media type and body."""


def answer_for(error: BaseException) -> Refused:
    """Return what a client is told of an exception: its problem if it has one, else 500."""
    if isinstance(error, Refused):
        return error
    return Refused(getattr(error, "problem", INTERNAL))


class StateAway(SluicegateError):
    """The state did not answer in time, or is known not to."""


class StoreAway(SluicegateError):
    """The store did not answer in time, or is known not to."""


class UpstreamError(SluicegateError):
    """An attempt failed. `problem` is what the client is told when no other attempt is made."""

    problem = UPSTREAM_FAILED
    reason = "failed"


class ConnectFailed(UpstreamError):
    """Nothing was sent: refused, unreachable, TLS handshake failed, or the name has no address."""

    problem = UPSTREAM_UNREACHABLE
    reason = "connect_failed"


class ConnectTimeout(UpstreamError):
    """Nothing was sent: no connection within `timeouts.connect`."""

    problem = UPSTREAM_UNREACHABLE
    reason = "connect_timeout"


class PoolFull(ConnectTimeout):
    """Nothing was sent: every connection that the pool may have was in use all the time."""

    reason = "pool_full"


class UpstreamReset(UpstreamError):
    """The connection ended before the response did."""

    reason = "reset"


class UpstreamTimeout(UpstreamError):
    """The target was silent for longer than `timeouts.first_byte`, `idle` or `total`."""

    problem = UPSTREAM_TIMEOUT
    reason = "timeout"


class UpstreamInvalid(UpstreamError):
    """The target's bytes are not an HTTP/1.1 response."""

    reason = "invalid"


class UpstreamAnswered(UpstreamError):
    """The answer was not passed on, because another attempt is made: `reason` is its status."""

    def __init__(self, status: int) -> None:
        """Keep the status."""
        super().__init__(f"status {status}")
        self.reason = str(status)


class UpstreamTooLarge(UpstreamError):
    """The body is larger than a policy may hold back. Not the target's fault, and no second try."""

    reason = "too_large"


class CredentialsAway(ConnectFailed):
    """Nothing was sent: a provider's credentials cannot be had, or not in time."""

    problem = UNAVAILABLE
    reason = "credentials_away"


class HedgeLost(UpstreamError):
    """The attempt was cancelled: another one at the same request has answered."""

    reason = "hedge_lost"
