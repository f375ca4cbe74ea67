"""What an error status of a provider means, and the status that a caller gets for it.

One table for all dialects: words that a vendor has for its errors come first, and where they end
the same status says the same, whoever's it is. Sources: RFC 9110, 15.5 and 15.6; 402 and 529 of
platform.claude.com, "Claude API errors"; 424, a model's own error, of botocore's bedrock-runtime
model; 498, a token that is none, 499, a call given up, and 501 of cohere 7.3, `errors/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.llm.failure import Kind

KINDS: Final[dict[int, Kind]] = {
    401: "authentication",
    402: "quota",
    403: "permission",
    404: "not_found",
    408: "timeout",
    409: "conflict",
    413: "too_large",
    424: "server_error",
    429: "rate_limited",
    498: "authentication",
    499: "timeout",
    501: "unsupported",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
"""All others: `invalid_request` for 4xx, else `server_error`."""
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
    "bad_answer": 502,
    "overloaded": 503,
    "unreachable": 503,
    "unavailable": 503,
    "timeout": 504,
}
"""What a caller gets. A caller of Anthropic's dialect gets 529 for `overloaded`."""
REFUSALS: Final = range(400, 500)
ERRORS: Final = range(400, 600)


def kind_of(status: int) -> Kind:
    """Return what a status says by itself; 0 or any other that is no error: `server_error`."""
    return KINDS.get(status) or ("invalid_request" if status in REFUSALS else "server_error")
