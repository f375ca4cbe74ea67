"""`redirect`: sends the client elsewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from sluicegate.errors import Refused
from sluicegate.policy import PolicyConfig
from sluicegate.wire.target import normalise, parse_host

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange, Request
    from sluicegate.policy import Onward, Parts

UNSAFE = re.compile(rb"[^\x21-\x7e]")


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Where to. What is not given stays as the client asked; the query always does."""

    scheme: Annotated[Literal["http", "https"] | None, Meta(description="The new scheme.")] = None
    host: Annotated[
        str | None, Meta(description="The new host, with a port where it is not the scheme's.")
    ] = None
    path: Annotated[
        Annotated[str, Meta(pattern="^/")] | None, Meta(description="The new path, whole.")
    ] = None
    status: Annotated[
        Literal[301, 302, 307, 308],
        Meta(description="308 and 301 are kept by browsers; 307 and 308 keep method and body."),
    ] = 308
    when_scheme: Annotated[
        Literal["http", "https"] | None,
        Meta(description="Only requests that came by this scheme; others go on."),
    ] = None

    def __post_init__(self) -> None:
        """Refuse targets that cannot be written, and those that lead back here."""
        if self.scheme is None and self.host is None and self.path is None:
            raise ValueError("nothing changes: write `scheme`, `host` or `path`")
        if self.host is None and self.path is None and self.when_scheme in (None, self.scheme):
            other = "http" if self.scheme == "https" else "https"
            raise ValueError(f"it would lead to itself: add `when_scheme: {other}`")
        try:
            if self.host is not None:
                parse_host(self.host.encode())
            if self.path is not None and normalise(self.path.encode()) != self.path.encode():
                raise ValueError(f"`{self.path}`: write `{normalise(self.path.encode()).decode()}`")
        except Refused as error:
            raise ValueError(f"`host` or `path`: {error.detail}") from error


class Policy:
    """Answers with `Location`."""

    __slots__ = ("_host", "_path", "_scheme", "_status", "_when")

    answers = True

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - has no use for parts
        """Keep what changes."""
        self._scheme = config.scheme
        self._host = config.host
        self._path = config.path
        self._status = config.status
        self._when = config.when_scheme

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Answer, unless the request came by another scheme than the one that is sent away."""
        request = exchange.request
        if self._when is not None and request.scheme != self._when:
            await onward(exchange)
            return
        exchange.respond(self._status, [(b"location", self._location(request))])

    def _location(self, request: Request) -> bytes:
        scheme = self._scheme or request.scheme
        host = self._host
        if host is None:
            # A port belongs to its scheme: it is not taken along to another.
            same = scheme == request.scheme
            host = request.authority.decode("latin-1") if same else request.host
        path = self._path or (request.path if request.path.startswith("/") else "/")
        location = f"{scheme}://{host}{path}".encode("latin-1")
        if request.query is not None:
            location += b"?" + request.query
        # The wire lets other bytes through in queries; a Location is a URI, which has only these.
        return UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], location)
