"""`cors`: which web pages may call from a browser (the Fetch standard, section 3.2).

The gateway decides alone: `Access-Control-*` headers of a target are replaced. Errors carry them as
well, or a page could not read what went wrong.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sluicegate.model.units import Duration
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.headers import Headers
    from sluicegate.policy import Onward, Parts

ORIGIN = re.compile(r"^[a-z][a-z0-9+.-]*://(\*\.)?([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$")
LABELS = re.compile(rb"[A-Za-z0-9._-]+")
TOKEN = re.compile(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, \t-]{1,4096}")
PREFIX = b"access-control-"

Pairs = list[tuple[bytes, bytes]]


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Who may call, and what they may send and read."""

    origins: Annotated[
        list[str],
        Meta(
            min_length=1,
            description="`https://app.example.com`, `https://*.example.com` (any depth, not "
            "`example.com` itself), `null`, or `*` for every page.",
        ),
    ]
    methods: Annotated[
        tuple[str, ...], Meta(description="Methods that a page may use beside the simple ones.")
    ] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    headers: Annotated[
        tuple[str, ...],
        Meta(description="Headers that a page may send; `*` for all that it asks for."),
    ] = ("authorization", "content-type", "x-api-key")
    expose: Annotated[
        tuple[str, ...], Meta(description="Response headers that a page may read.")
    ] = ()
    credentials: Annotated[
        bool, Meta(description="Let pages send cookies and client certificates.")
    ] = False
    max_age: Annotated[
        Duration, Meta(description="How long a browser keeps a preflight's answer. Chromium: <= 2h")
    ] = Duration(600)

    def __post_init__(self) -> None:
        """Refuse what is no origin or name, and credentials for everybody."""
        for origin in self.origins:
            if origin not in ("*", "null") and not ORIGIN.match(origin):
                raise ValueError(
                    f"`{origin}` is no origin: write `https://app.example.com`, lower case, with "
                    "the port where it is not the scheme's, and without a path"
                )
        if self.credentials and ("*" in self.origins or "null" in self.origins):
            raise ValueError(
                "with `credentials: true` every origin has to be named: `*` and `null` would let "
                "any page act in the user's name"
            )
        for name in (*self.methods, *self.headers, *self.expose):
            if not TOKEN.match(name):
                raise ValueError(f"`{name}` is no method or header name")
        if self.credentials and "*" in (*self.methods, *self.expose):
            raise ValueError("with `credentials: true` each of `methods` and `expose` is named")


class Policy:
    """Answers preflights, and adds the headers to every other response."""

    __slots__ = ("_all", "_any_header", "_exact", "_plain", "_preflight", "_wildcards")

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - has no use for parts
        """Prepare every header that does not depend on the request."""
        self._all = "*" in config.origins
        self._exact = frozenset(one.encode() for one in config.origins if "*" not in one)
        split = [one.encode().partition(b"*") for one in config.origins if "://*." in one]
        self._wildcards = [(scheme, domain) for scheme, _, domain in split]
        self._any_header = "*" in config.headers
        shared: Pairs = []
        if config.credentials:
            shared.append((b"access-control-allow-credentials", b"true"))
        self._preflight: Pairs = [
            *shared,
            (b"access-control-allow-methods", ", ".join(config.methods).encode()),
            (b"access-control-max-age", b"%d" % int(config.max_age)),
        ]
        if config.headers and not self._any_header:
            self._preflight.append(
                (b"access-control-allow-headers", ", ".join(config.headers).encode())
            )
        self._plain: Pairs = shared
        if config.expose:
            exposed = ", ".join(config.expose).encode()
            self._plain = [*shared, (b"access-control-expose-headers", exposed)]

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Answer a preflight here; it never reaches the target."""
        request = exchange.request
        if request.method == "OPTIONS":
            asked = request.headers.get(b"access-control-request-method")
            if asked is not None and request.headers.get(b"origin") is not None:
                exchange.respond(204, self._answer(request.headers))
                return
        exchange.on_head(self._announce)
        await onward(exchange)

    def _answer(self, headers: Headers) -> Pairs:
        vary = (b"vary", b"origin, access-control-request-method, access-control-request-headers")
        allowed = self._allowed(headers.get(b"origin"))
        if allowed is None:
            return [vary]
        answer = [vary, (b"access-control-allow-origin", allowed), *self._preflight]
        wanted = headers.get(b"access-control-request-headers")
        if self._any_header and wanted and NAMES.fullmatch(wanted):
            answer.append((b"access-control-allow-headers", wanted))
        return answer

    def _announce(self, exchange: Exchange) -> None:
        response = exchange.response
        if response is None:
            return
        headers = response.headers
        if any(name.startswith(PREFIX) for name, _ in headers):
            headers[:] = [pair for pair in headers if not pair[0].startswith(PREFIX)]
        if not self._all:
            # Caches must not give one page's answer to another, nor a refusal to a friend.
            headers.append((b"vary", b"origin"))
        allowed = self._allowed(exchange.request.headers.get(b"origin"))
        if allowed is not None:
            headers.append((b"access-control-allow-origin", allowed))
            headers += self._plain

    def _allowed(self, origin: bytes | None) -> bytes | None:
        """Return the value of `Access-Control-Allow-Origin`, None when the page may not call."""
        if origin is None:
            return None
        if self._all:
            return b"*"
        if origin in self._exact:
            return origin
        for start, end in self._wildcards:
            if origin.startswith(start) and origin.endswith(end):
                labels = origin[len(start) : len(origin) - len(end)]
                if LABELS.fullmatch(labels):
                    return origin
        return None
