"""Stored admin tokens: who presents one, and what it is good for.

A token has the form of a key, with another prefix: `sga_<region>_<8 public><secret><crc>`. Stored
is the part before the secret, as its name, and an HMAC-SHA-256 of the whole under a pepper.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import structlog
from msgspec import Meta

from sluicegate.admin.roles import Role
from sluicegate.model.key import parse
from sluicegate.model.resource import Resource
from sluicegate.snapshot.keys import digest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sluicegate.admin.control import Control
    from sluicegate.clock import Clock

PREFIX: Final = "sga"
FRESH_S: Final = 5.0
"""How long a token is good without another look; a revoked one is forgotten by a push before."""
MOST: Final = 1024
"""Tokens that are kept in memory."""


class TokenSpec(Resource, frozen=True, kw_only=True):
    """What an admin token is good for."""

    role: Annotated[Role, Meta(description="`viewer`, `operator` or `admin`.")]
    team: Annotated[
        str | None, Meta(description="Good for consumers and keys of this team only.")
    ] = None
    expires: Annotated[
        Annotated[datetime, Meta(tz=True)] | None,
        Meta(description="From then on it is not valid; RFC 3339."),
    ] = None
    description: Annotated[str, Meta(max_length=1024, description="For people.")] = ""


class StoredToken(TokenSpec, frozen=True, kw_only=True):
    """A token as it is stored; `hash` is `<pepper>:<hex>`."""

    hash: str

    def expired(self, now_us: int) -> bool:
        """Say whether it is too late for it. `now_us` is UTC, microseconds since 1970."""
        return self.expires is not None and self.expires.timestamp() * 1e6 <= now_us

    def spec(self) -> TokenSpec:
        """Return what may be shown of it."""
        return TokenSpec(
            role=self.role, team=self.team, expires=self.expires, description=self.description
        )


def token_name(presented: str) -> str | None:
    """Return the name that a well-formed token begins with."""
    name = parse(presented.encode(), PREFIX.encode())
    return None if name is None else name.decode("ascii")


def hashed(token: str, peppers: dict[str, str]) -> str:
    """Return what is stored of a token: under the first of the peppers."""
    pepper = next(iter(peppers))
    return f"{pepper}:{digest(peppers[pepper].encode(), token.encode()).hex()}"


class Tokens:
    """Finds tokens in the store, and remembers them for a moment."""

    def __init__(self, control: Control, clock: Clock) -> None:
        """Know none."""
        self._control = control
        self._clock = clock
        self._known: dict[str, tuple[float, StoredToken]] = {}
        self._forgotten = 0

    async def find(self, presented: str) -> tuple[str, StoredToken] | None:
        """Return the name of a valid token and what it is good for. Raises StoreAway."""
        name = token_name(presented)
        if name is None:
            return None
        token = await self._token(name)
        if token is None or not self._fits(name, token, presented):
            return None
        return None if token.expired(self._clock.wall_us()) else (name, token)

    def forget(self, names: Iterable[str]) -> None:
        """Look again for these, whose tokens have changed; also where a look is under way."""
        self._forgotten += 1
        for name in names:
            self._known.pop(name, None)

    async def _token(self, name: str) -> StoredToken | None:
        now = self._clock.monotonic()
        known = self._known.get(name)
        if known is not None and now - known[0] < FRESH_S:
            return known[1]
        forgotten = self._forgotten
        revision = await self._control.store.head("token", name)
        self._known.pop(name, None)
        if revision is None or revision.content is None:
            return None
        token = msgspec.json.decode(revision.content, type=StoredToken)
        if forgotten == self._forgotten:
            if len(self._known) >= MOST:
                del self._known[next(iter(self._known))]
            self._known[name] = (now, token)
        return token

    def _fits(self, name: str, token: StoredToken, presented: str) -> bool:
        pepper, _, written = token.hash.partition(":")
        secret = self._control.peppers.get(pepper)
        if secret is None:
            structlog.get_logger().warning(
                "the pepper of an admin token is not known here", token=name, pepper=pepper
            )
            return False
        return hmac.compare_digest(digest(secret.encode(), presented.encode()).hex(), written)
