"""The AI endpoints: from method and path to an operation and a dialect.

Paths are those that the vendors' SDKs ask for: openai-python `resources/`, anthropic-sdk-python
`resources/messages/messages.py`, python-genai `models.py` (which asks `/v1beta/models/…` or
`/v1/models/…`). `GET /v1/models` is asked by all three; their headers tell them apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import unquote

if TYPE_CHECKING:
    from sluicegate.headers import Headers

Operation = Literal["call", "models", "model", "stored", "native"]
"""`call`: of a model. `stored`: of an object that a provider keeps. `native`: pass-through."""

CALLS: Final = {
    "/v1/chat/completions": "openai_chat",
    "/v1/completions": "openai_completions",
    "/v1/embeddings": "openai_embeddings",
    "/v1/responses": "openai_responses",
    "/v1/messages": "anthropic_messages",
    "/v1/messages/count_tokens": "anthropic_count_tokens",
}
STORED: Final = (("/v1/chat/completions", "openai_chat"), ("/v1/responses", "openai_responses"))
"""Where objects are kept, and their dialect: retrieve, list, delete and what belongs to them."""
GEMINI_CALLS: Final = {
    "generateContent": ("gemini_generate", False),
    "streamGenerateContent": ("gemini_generate", True),
    "countTokens": ("gemini_count_tokens", False),
}
GEMINI_ROOTS: Final = ("/v1beta/models", "/v1/models")
PROXY: Final = "/proxy/"
GOOGLE_KEY: Final = b"x-goog-api-key"
ANTHROPIC_VERSION: Final = b"anthropic-version"


class Endpoint:
    """What a request to the AI endpoints asks for.

    `dialect` is the caller's. `model` and `stream` are what the path says (gemini); of a `model`
    look-up it is the name. `rest` is the path behind a stored object's root (`/resp_1/cancel`), or
    behind `/proxy/<provider>`, whose name is `provider`. `array`: a stream is wanted as JSON array.
    `methods` are those that the path takes; another one gets 405.
    """

    __slots__ = ("array", "dialect", "methods", "model", "operation", "provider", "rest", "stream")

    def __init__(
        self, operation: Operation, dialect: str, methods: tuple[str, ...] = ("POST",)
    ) -> None:
        """Nothing more is known yet."""
        self.operation = operation
        self.dialect = dialect
        self.methods = methods
        self.model = ""
        self.stream = False
        self.array = False
        self.rest = ""
        self.provider = ""


def endpoint_of(path: str, query: bytes | None, headers: Headers, method: str) -> Endpoint | None:
    """Return what is asked for; None where there is no such endpoint. `path` has no prefix."""
    dialect = CALLS.get(path)
    if dialect is not None and (method == "POST" or path != STORED[0][0]):
        return Endpoint("call", dialect)
    if path.startswith(PROXY):
        return _native(path)
    for root in GEMINI_ROOTS:
        if path == root or path.startswith(root + "/"):
            return _of_models(path[len(root) + 1 :], query, headers, root)
    for root, dialect in STORED:
        if path.startswith(root):
            rest = path[len(root) :]
            if not rest or rest.startswith("/"):
                stored = Endpoint("stored", dialect, ("GET", "POST", "DELETE"))
                stored.rest = rest
                return stored
    return None


def dialect_of(path: str, headers: Headers) -> str:
    """Return the dialect in which to say that there is no such endpoint."""
    if path.startswith("/v1beta") or headers.get(GOOGLE_KEY) is not None:
        return "gemini_generate"
    if headers.get(ANTHROPIC_VERSION) is not None:
        return "anthropic_messages"
    return "openai_chat"


def _of_models(rest: str, query: bytes | None, headers: Headers, root: str) -> Endpoint | None:
    name, colon, verb = rest.rpartition(":")
    if colon and verb in GEMINI_CALLS and name:
        dialect, stream = GEMINI_CALLS[verb]
        call = Endpoint("call", dialect)
        call.model = unquote(name)
        call.stream = stream
        call.array = stream and b"alt=sse" not in (query or b"").split(b"&")
        return call
    endpoint = Endpoint("model" if rest else "models", dialect_of(root, headers), ("GET",))
    endpoint.model = unquote(rest)
    return endpoint


def _native(path: str) -> Endpoint | None:
    provider, _, rest = path[len(PROXY) :].partition("/")
    if not provider:
        return None
    native = Endpoint("native", "openai_chat", ())
    native.provider = unquote(provider)
    native.rest = "/" + rest
    return native
