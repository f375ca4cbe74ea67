"""`acl`: which consumers, teams and plans may call.

It stands behind `api_key`. Who is not known is refused with 403, also where there is only `deny`: a
caller who is denied could leave the key out.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sluicegate.errors import FORBIDDEN, Refused
from sluicegate.model.resource import Resource
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts

Name = Annotated[str, Meta(min_length=1)]


class Callers(Resource, frozen=True, kw_only=True):
    """Names of callers. Whoever is in one of the lists is meant."""

    consumers: Annotated[list[Name], Meta(description="Names of consumers.")] = []
    teams: Annotated[list[Name], Meta(description="Names of teams: all their consumers.")] = []
    plans: Annotated[
        list[Name], Meta(description="Names of plans, as they hold for the key that was shown.")
    ] = []

    @property
    def names_nobody(self) -> bool:
        """Whether all lists are empty."""
        return not (self.consumers or self.teams or self.plans)


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Who may, and who may not."""

    allow: Annotated[
        Callers, Meta(description="Only these may call. Empty: everybody who is not denied.")
    ] = Callers()
    deny: Annotated[Callers, Meta(description="These may not, even where `allow` has them.")] = (
        Callers()
    )

    def __post_init__(self) -> None:
        """Refuse a policy that says nothing."""
        if self.allow.names_nobody and self.deny.names_nobody:
            raise ValueError("nobody is named: write `allow`, `deny` or both")


class Policy:
    """Answers 403 to those who may not call."""

    __slots__ = ("_allow", "_deny")

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - has no use for parts
        """Prepare the lists."""
        self._allow = None if config.allow.names_nobody else _Group(config.allow)
        self._deny = None if config.deny.names_nobody else _Group(config.deny)

    def handle(self, exchange: Exchange, onward: Onward) -> Awaitable[None]:
        """Look the caller up. Raises Refused: FORBIDDEN."""
        if exchange.consumer_name is None:
            raise Refused(FORBIDDEN, "only known callers may call this route")
        denied = self._deny is not None and self._deny.has(exchange)
        if denied or not (self._allow is None or self._allow.has(exchange)):
            raise Refused(FORBIDDEN, "the caller may not call this route")
        return onward(exchange)


class _Group:
    """Callers, ready to be looked up."""

    __slots__ = ("_consumers", "_plans", "_teams")

    def __init__(self, callers: Callers) -> None:
        self._consumers = frozenset(callers.consumers)
        self._teams = frozenset(callers.teams)
        self._plans = frozenset(callers.plans)

    def has(self, exchange: Exchange) -> bool:
        caller = exchange.consumer
        return (
            exchange.consumer_name in self._consumers
            or exchange.plan in self._plans
            or (caller is not None and caller.team in self._teams)
        )
