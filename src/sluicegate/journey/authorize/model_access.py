"""`model_access`: which models a caller may ask for, by the names that are asked for.

A provider's own API is called `proxy/<provider>`. The list of models shows what may be asked for.
Where a model falls back to another one, that is the model's affair: it is not looked at again.
Objects that a provider keeps (`/v1/responses/…`) are asked for without a model, so they pass.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated, Final

from msgspec import Meta

from sluicegate.errors import FORBIDDEN, Refused
from sluicegate.model.name_pattern import any_matches, read_patterns
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts

ModelPattern = Annotated[str, Meta(min_length=1)]
MOST_NAMED: Final = 128
"""Characters of a name that are told back: names are the caller's own words."""


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Names of models; `*` at an end is any text."""

    allow: Annotated[
        list[ModelPattern],
        Meta(
            description="Only these may be asked for. Empty: all that are not denied.",
            examples=[["gpt-*", "proxy/openai"]],
        ),
    ] = []
    deny: Annotated[
        list[ModelPattern], Meta(description="These may not, even where `allow` has them.")
    ] = []

    def __post_init__(self) -> None:
        """Refuse a policy that says nothing, and patterns that cannot be read."""
        if not self.allow and not self.deny:
            raise ValueError("no model is named: write `allow`, `deny` or both")
        read_patterns(self.allow, "allow")
        read_patterns(self.deny, "deny")


class Policy:
    """Answers 403 to who asks for another model."""

    __slots__ = ("_allow", "_deny")

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - has no use for parts
        """Read the patterns."""
        self._allow = read_patterns(config.allow, "allow")
        self._deny = read_patterns(config.deny, "deny")

    def handle(self, exchange: Exchange, onward: Onward) -> Awaitable[None]:
        """Compare. Raises Refused: FORBIDDEN, naming the model."""
        call = exchange.call
        if call is not None:
            if call.asked and not self.allows(call.asked):
                named = call.asked[:MOST_NAMED]
                raise Refused(FORBIDDEN, f"the caller may not ask for the model `{named}`")
            call.allows.append(self.allows)
        return onward(exchange)

    def allows(self, name: str) -> bool:
        """Say whether a model of this name may be asked for."""
        if any_matches(self._deny, name):
            return False
        return not self._allow or any_matches(self._allow, name)
