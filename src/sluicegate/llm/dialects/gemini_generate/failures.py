"""Errors in Google's form (google.rpc.Status as JSON; AIP-193, "Errors"; google/genai/errors.py).

    {"error": {"code": 429, "message": "…", "status": "RESOURCE_EXHAUSTED", "details": […]}}

Without `alt=sse` it stands in a list. Classified by status, `status` and `details`:
`ErrorInfo.reason` (`API_KEY_INVALID` comes with a 400), `RetryInfo.retryDelay`,
`QuotaFailure.violations[].quotaId` (those `PerDay` do not come back soon: so does
google-gemini/gemini-cli, `googleQuotaErrors.ts`).
The one exception: that there are too many tokens has no field, so the whole message must be the
vendor's sentence, in which a caller's words can not be. Messages that may name a key or project of
ours (`Consumer 'api_key:…' has been suspended`) are not passed on.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast, get_args

import msgspec

from sluicegate.llm.failure import Failure, Kind
from sluicegate.llm.retry_after import retry_after_s
from sluicegate.llm.statuses import STATUS, kind_of

DOMAIN: Final = "sluicegate"
TYPE: Final = "type.googleapis.com/google.rpc."
TOO_MANY_TOKENS: Final = re.compile(
    r"The input token count(?: \(\d+\))? exceeds the maximum number of tokens allowed"
    r"(?: \(\d+\))?\.?|Unable to submit request because the input token count is \d+ but model only"
    r" supports up to \d+\. Reduce the input token count and try again\. You can also use the"
    r" CountTokens API to calculate prompt token count and billable characters\. Learn more:"
    r" https://cloud\.google\.com/\S+"
)
"""Gemini API and Vertex AI (python-genai 2050; gemini-cli 4231, 19727)."""
DELAY: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
KINDS: Final[frozenset[str]] = frozenset(get_args(Kind))
NAMES: Final[dict[Kind, str]] = {
    "invalid_request": "INVALID_ARGUMENT",
    "unsupported": "INVALID_ARGUMENT",
    "context_length": "INVALID_ARGUMENT",
    "content_filter": "INVALID_ARGUMENT",
    "authentication": "UNAUTHENTICATED",
    "permission": "PERMISSION_DENIED",
    "not_found": "NOT_FOUND",
    "conflict": "ABORTED",
    "too_large": "INVALID_ARGUMENT",
    "rate_limited": "RESOURCE_EXHAUSTED",
    "quota": "RESOURCE_EXHAUSTED",
    "server_error": "INTERNAL",
    "bad_answer": "INTERNAL",
    "overloaded": "UNAVAILABLE",
    "unreachable": "UNAVAILABLE",
    "unavailable": "UNAVAILABLE",
    "timeout": "DEADLINE_EXCEEDED",
}
"""What the caller gets (google.rpc.Code)."""
BY_NAME: Final[dict[str, Kind]] = {
    "INVALID_ARGUMENT": "invalid_request",
    "FAILED_PRECONDITION": "permission",  # no billing, or not in this country
    "OUT_OF_RANGE": "invalid_request",
    "UNAUTHENTICATED": "authentication",
    "PERMISSION_DENIED": "permission",
    "NOT_FOUND": "not_found",
    "ABORTED": "conflict",
    "ALREADY_EXISTS": "conflict",
    "RESOURCE_EXHAUSTED": "rate_limited",
    "CANCELLED": "server_error",
    "DATA_LOSS": "server_error",
    "UNKNOWN": "server_error",
    "INTERNAL": "server_error",
    "UNIMPLEMENTED": "unsupported",
    "UNAVAILABLE": "overloaded",
    "DEADLINE_EXCEEDED": "timeout",
}
BY_REASON: Final[dict[str, Kind]] = {
    "API_KEY_INVALID": "authentication",
    "API_KEY_SERVICE_BLOCKED": "permission",
    "BILLING_DISABLED": "quota",
    "CONSUMER_SUSPENDED": "permission",
    "MODEL_CAPACITY_EXHAUSTED": "overloaded",
    "QUOTA_EXHAUSTED": "quota",
    "RATE_LIMIT_EXCEEDED": "rate_limited",
    "SERVICE_DISABLED": "permission",
}
"""google/api/error_reason.proto; the model's capacity as seen in google-gemini/gemini-cli."""
QUOTED: Final = frozenset(
    {"invalid_request", "unsupported", "context_length", "content_filter", "too_large"}
)
"""Kinds whose message is about the call, not about whose key it was."""
MESSAGES: Final[dict[Kind, str]] = {
    "authentication": "the provider does not accept the credentials",
    "permission": "the provider refuses this to the credentials",
    "not_found": "the provider has no such model",
    "conflict": "the provider says that something else is going on",
    "rate_limited": "the provider's rate limit is reached",
    "quota": "the provider's quota is used up",
    "overloaded": "the provider has too much to do",
    "timeout": "the provider took too long",
}
MAX_MESSAGE_CHARACTERS: Final = 2000


def read_failure(status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
    """Classify an answer with an error status. Never raises."""
    try:
        plain = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        plain = None
    if isinstance(plain, list) and plain:
        plain = plain[0]
    error = plain.get("error") if isinstance(plain, dict) else None
    if isinstance(plain, dict) and error is None and isinstance(plain.get("promptFeedback"), dict):
        message = "the provider's filter has blocked the prompt"
        reason = plain["promptFeedback"].get("blockReason")
        code = reason if isinstance(reason, str) else None
        return Failure(kind="content_filter", status=400, message=message, code=code)
    return failure_of(
        error if isinstance(error, dict) else {},
        status=status,
        retry_after=retry_after_s(headers),
    )


def failure_of(
    error: dict[str, Any], *, status: int = 0, retry_after: float | None = None
) -> Failure:
    """Classify an `error`; in a stream its code is the status. Never raises."""
    code = error.get("code")
    if not status and isinstance(code, int):
        status = code
    name = error.get("status")
    message = error.get("message")
    message = message if isinstance(message, str) else ""
    details = [one for one in _list(error.get("details")) if isinstance(one, dict)]
    kind = _kind(status, name if isinstance(name, str) else "", message, details)
    if kind not in QUOTED or not message:
        message = MESSAGES.get(kind, "the provider failed")
    delay = _delay(details)
    reasons = [reason for reason, _ in _reasons(details)]
    return Failure(
        kind=kind,
        status=STATUS[kind],
        message=message[:MAX_MESSAGE_CHARACTERS],
        code=reasons[0] if reasons else (name if isinstance(name, str) else None),
        field=_field(details),
        retry_after_s=retry_after if delay is None else delay,
    )


def _kind(status: int, name: str, message: str, details: list[dict[str, Any]]) -> Kind:
    for reason, domain in _reasons(details):
        if domain == DOMAIN and reason.lower() in KINDS:
            return cast("Kind", reason.lower())
        if reason in BY_REASON:
            kind = BY_REASON[reason]
            return "quota" if kind == "rate_limited" and _daily(details) else kind
    kind = BY_NAME.get(name) or kind_of(status)
    if kind == "invalid_request" and TOO_MANY_TOKENS.fullmatch(message):
        return "context_length"
    if kind == "rate_limited" and _daily(details):
        return "quota"
    return kind


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _of(details: list[dict[str, Any]], name: str) -> Iterator[dict[str, Any]]:
    """Yield the details of a type; one with a reason is an ErrorInfo even where it does not say."""
    for one in details:
        kind = one.get("@type")
        if kind == TYPE + name or (kind is None and name == "ErrorInfo" and "reason" in one):
            yield one


def _reasons(details: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for one in _of(details, "ErrorInfo"):
        reason, domain = one.get("reason"), one.get("domain")
        if isinstance(reason, str):
            yield reason[:64], domain if isinstance(domain, str) else ""


def _daily(details: list[dict[str, Any]]) -> bool:
    """Whether a quota of a day is used up."""
    named = [
        violation.get("quotaId")
        for one in _of(details, "QuotaFailure")
        for violation in _list(one.get("violations"))
        if isinstance(violation, dict)
    ]
    for one in _of(details, "ErrorInfo"):
        metadata = one.get("metadata")
        if isinstance(metadata, dict):
            named.append(metadata.get("quota_limit"))
    return any(isinstance(name, str) and "PerDay" in name for name in named)


def _delay(details: list[dict[str, Any]]) -> float | None:
    for one in _of(details, "RetryInfo"):
        found = DELAY.fullmatch(str(one.get("retryDelay")))
        if found:
            return float(found[1])
    return None


def _field(details: list[dict[str, Any]]) -> str | None:
    for one in _of(details, "BadRequest"):
        for violation in _list(one.get("fieldViolations")):
            if isinstance(violation, dict) and isinstance(violation.get("field"), str):
                return str(violation["field"])[:200] or None
    return None


def plain_failure(failure: Failure, request_id: str = "") -> dict[str, Any]:
    """Return the body of an error as plain data."""
    details: list[dict[str, Any]] = [
        {"@type": f"{TYPE}ErrorInfo", "reason": failure.kind.upper(), "domain": DOMAIN}
    ]
    if failure.field is not None:
        violation = {"field": failure.field, "description": failure.message}
        details.append({"@type": f"{TYPE}BadRequest", "fieldViolations": [violation]})
    if failure.retry_after_s is not None:
        delay = f"{math.ceil(failure.retry_after_s)}s"
        details.append({"@type": f"{TYPE}RetryInfo", "retryDelay": delay})
    if request_id:
        details.append({"@type": f"{TYPE}RequestInfo", "requestId": request_id})
    return {
        "error": {
            "code": failure.status,
            "message": failure.message,
            "status": NAMES[failure.kind],
            "details": details,
        }
    }


def write_failure(failure: Failure, request_id: str) -> bytes:
    """Return the body of an error."""
    return msgspec.json.encode(plain_failure(failure, request_id))
