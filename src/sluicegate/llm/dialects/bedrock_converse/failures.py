"""Errors of Bedrock, in answers and in streams, read and written.

Sources: the exceptions of Converse and ConverseStream in botocore's bedrock-runtime model; how a
code is found: botocore/parsers.py (`_inject_error_code`: the header `x-amzn-errortype`, else
`code` or `__type` of the body, up to a colon and behind a `#`); codes of the front door that every
AWS service has (IAM reference, "Common error types").

Bedrock has no code for a prompt that is too long: it is a ValidationException, whose message is or
begins with fixed words. They count at the very beginning only, where no caller's words stand.
Messages about credentials are not passed on: that of a wrong signature quotes the signed headers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from sluicegate.llm.failure import Failure, Kind
from sluicegate.llm.retry_after import retry_after_s as asked_s
from sluicegate.llm.statuses import REFUSALS, STATUS, kind_of

KINDS: Final[dict[str, Kind]] = {
    "ValidationException": "invalid_request",
    "ConflictException": "conflict",
    "AccessDeniedException": "permission",
    "ResourceNotFoundException": "not_found",
    "ThrottlingException": "rate_limited",
    "ModelNotReadyException": "overloaded",
    "ServiceQuotaExceededException": "quota",
    "ModelTimeoutException": "timeout",
    "ModelErrorException": "server_error",
    "ModelStreamErrorException": "server_error",
    "InternalServerException": "server_error",
    "ServiceUnavailableException": "overloaded",
    "ExpiredTokenException": "authentication",
    "IncompleteSignature": "authentication",
    "IncompleteSignatureException": "authentication",
    "InvalidClientTokenId": "authentication",
    "InvalidSignatureException": "authentication",
    "MissingAuthenticationTokenException": "authentication",
    "NotAuthorized": "permission",
    "OptInRequired": "permission",
    "RequestExpired": "authentication",
    "SignatureDoesNotMatch": "authentication",
    "UnrecognizedClientException": "authentication",
}
CODES: Final[dict[Kind, str]] = {
    "authentication": "UnrecognizedClientException",
    "permission": "AccessDeniedException",
    "not_found": "ResourceNotFoundException",
    "conflict": "ConflictException",
    "rate_limited": "ThrottlingException",
    "quota": "ServiceQuotaExceededException",
    "server_error": "InternalServerException",
    "bad_answer": "ModelErrorException",
    "timeout": "ModelTimeoutException",
    "overloaded": "ServiceUnavailableException",
    "unreachable": "ServiceUnavailableException",
    "unavailable": "ServiceUnavailableException",
}
"""What callers are told; all others are a ValidationException."""

STREAMED: Final = frozenset(
    {
        "internalServerException",
        "modelStreamErrorException",
        "validationException",
        "throttlingException",
        "serviceUnavailableException",
    }
)
"""Exceptions that a stream may hold (shape ConverseStreamOutput)."""

FROM_MODEL: Final = "The model returned the following errors: "
TOO_LONG: Final = (
    "Input is too long for requested model",
    "prompt is too long: ",
    "input length and `max_tokens` exceed context limit: ",
)
FILTERED: Final = ("Output blocked by content filtering policy",)

UNQUOTED: Final[dict[Kind, str]] = {
    "authentication": "Bedrock does not take the gateway's credentials",
    "permission": "Bedrock does not let the gateway's credentials do this",
}
MAX_CODE: Final = 100


def read_failure(status: int, headers: Mapping[bytes, bytes], body: bytes) -> Failure:
    """Classify an answer with an error status. Never raises."""
    plain = _plain(body)
    code = _code(headers, plain)
    kind = KINDS.get(code) or kind_of(status)
    return _failure(kind, code, _message(plain), asked_s(headers))


def read_exception(name: str, data: bytes) -> Failure:
    """Classify an exception or error of a stream by the name of its frame. Never raises."""
    code = name.partition(":")[2]
    code = code[:1].upper() + code[1:]
    return _failure(KINDS.get(code, "server_error"), code, _message(_plain(data)), None)


def write_failure(failure: Failure) -> bytes:
    """Write the body of an error. `__type` is where the header would say it."""
    code = CODES.get(failure.kind, "ValidationException")
    return json.dumps({"__type": code, "message": failure.message}).encode()


def exception_for(failure: Failure) -> str:
    """Return the name of the exception that a stream ends with."""
    code = CODES.get(failure.kind, "ValidationException")
    name = code[:1].lower() + code[1:]
    if name in STREAMED:
        return name
    return "validationException" if failure.status in REFUSALS else "modelStreamErrorException"


def _failure(kind: Kind, code: str, message: str, retry_after_s: float | None) -> Failure:
    if kind == "invalid_request":
        bare = message.removeprefix(FROM_MODEL)
        if bare.startswith(TOO_LONG):
            kind = "context_length"
        elif bare.startswith(FILTERED):
            kind = "content_filter"
    return Failure(
        kind=kind,
        status=STATUS[kind],
        message=UNQUOTED.get(kind) or message or "Bedrock answered with an error",
        code=code or None,
        retry_after_s=retry_after_s,
    )


def _plain(body: bytes) -> dict[str, Any]:
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return plain if isinstance(plain, dict) else {}


def _code(headers: Mapping[bytes, bytes], plain: dict[str, Any]) -> str:
    code: object = headers.get(b"x-amzn-errortype", b"").decode("latin-1")
    if not code:
        code = plain.get("code") or plain.get("Code") or plain.get("__type")
    if not isinstance(code, str):
        return ""
    return code.partition(":")[0].rpartition("#")[2].strip()[:MAX_CODE]


def _message(plain: dict[str, Any]) -> str:
    message = plain.get("message") or plain.get("Message")
    return message if isinstance(message, str) else ""
