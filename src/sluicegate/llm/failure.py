"""What went wrong with a call of a model, whoever says it, in one form.

Classified by status and by structured fields, never by words in a message: a message may quote the
caller. Each dialect writes it so that its SDK raises the exception class that fits.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal[
    "invalid_request",  # 400: the caller's fault, whatever model is asked
    "unsupported",  # 400: the model or dialect has no way to do it; `field` names it
    "context_length",  # 400: too many tokens for this model
    "content_filter",  # 400: refused for what it says
    "authentication",  # 401: the caller's key
    "permission",  # 403
    "not_found",  # 404
    "conflict",  # 409
    "too_large",  # 413
    "rate_limited",  # 429
    "quota",  # 429: not before somebody pays
    "server_error",  # 500
    "bad_answer",  # 502: cut, malformed, or not what the dialect says
    "overloaded",  # 503, 529
    "unreachable",  # 503: no connection, or one that ended before an answer began
    "unavailable",  # 503: nobody to ask
    "timeout",  # 504
]


class Failure(Struct, frozen=True, kw_only=True):
    """`status` is what the client gets; `code` and `field` where somebody named them.

    `retry_after_s` is what the provider asked for; None where it did not. `ours`: it was found by
    the gateway; else the provider said it. `message` holds no secret.
    """

    kind: Kind
    status: int
    message: str
    code: str | None = None
    field: str | None = None
    retry_after_s: float | None = None
    ours: bool = False


class CallError(Exception):
    """A caller's request cannot be read or cannot be translated: answered in its dialect."""

    def __init__(self, failure: Failure) -> None:
        """Keep what to say."""
        super().__init__(failure.message)
        self.failure = failure


def invalid(field: str, message: str) -> CallError:
    """Return the error of a faulty field of the caller's request."""
    text = f"`{field}`: {message}" if field else message
    return CallError(
        Failure(kind="invalid_request", status=400, message=text, field=field or None, ours=True)
    )


class Malformed(Exception):
    """A provider's answer or stream is not what its dialect says; the message quotes none of it."""


class AnswerFailed(Malformed):
    """A whole answer with a good status says that the call failed, and how."""

    def __init__(self, failure: Failure) -> None:
        """Keep what it says."""
        super().__init__("the answer says that the call failed")
        self.failure = failure
