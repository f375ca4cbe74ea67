"""`scope`: what the caller's key must have been granted.

It stands behind `api_key`. The answer to who lacks a scope is 403, names it, and says so in
`www-authenticate` as well (RFC 6750, section 3.1). Who showed no key was granted nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sluicegate.errors import FORBIDDEN, Refused
from sluicegate.model.consumer import Scope
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Scopes, as keys list them in `scopes`."""

    all: Annotated[list[Scope], Meta(description="Every one of these.")] = []
    any: Annotated[list[Scope], Meta(description="And at least one of these.")] = []

    def __post_init__(self) -> None:
        """Refuse a policy that asks for nothing."""
        if not self.all and not self.any:
            raise ValueError("no scope is named: write `all`, `any` or both")


class Policy:
    """Answers 403 to those whose key lacks a scope."""

    __slots__ = ("_all", "_any")

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - has no use for parts
        """Take the scopes."""
        self._all = tuple(config.all)
        self._any = tuple(config.any)

    def handle(self, exchange: Exchange, onward: Onward) -> Awaitable[None]:
        """Compare. Raises Refused: FORBIDDEN."""
        granted = exchange.scopes
        for scope in self._all:
            if scope not in granted:
                raise _lacking(f"the key lacks the scope `{scope}`", self._all)
        if self._any and not any(scope in granted for scope in self._any):
            listed = ", ".join(f"`{scope}`" for scope in self._any)
            raise _lacking(f"the key has none of the scopes {listed}", self._any)
        return onward(exchange)


def _lacking(detail: str, wanted: Sequence[str]) -> Refused:
    challenge = f'Bearer realm="sluicegate", error="insufficient_scope", scope="{" ".join(wanted)}"'
    return Refused(FORBIDDEN, detail, ((b"www-authenticate", challenge.encode()),))
