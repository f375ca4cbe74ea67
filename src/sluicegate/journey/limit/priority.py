"""`priority`: how important a request is, where a service cannot take them all."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from sluicegate.journey.limit.ranking import Ranking
from sluicegate.policy import PolicyConfig
from sluicegate.upstream.admission.queue import LEVELS

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts

Level = Literal["low", "normal", "high", "critical"]
FieldName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$(?!\n)",
        extra={"expected": "a name of a header, such as `x-priority`"},
    ),
]


class Config(PolicyConfig, frozen=True, kw_only=True):
    """How important. Without this policy every request is `normal`.

    It tells who waits for a service with a `concurrency` limit, who goes first, and who is refused
    first. Of several such policies the last one holds: a plan's over its route's.
    """

    level: Annotated[Level, Meta(description="Of each request.")] = "normal"
    header: Annotated[
        FieldName | None,
        Meta(
            description="Field in which a caller may ask for another level, by its name. It is "
            "sent on as it is; what is no level is taken for none.",
        ),
    ] = None
    at_most: Annotated[
        Level | None,
        Meta(description="Highest level that `header` may ask for; `level`, unless given."),
    ] = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.at_most is None:
            return
        if self.header is None:
            raise ValueError("`at_most` is for what `header` asks: name a header, or leave it out")
        if LEVELS.index(self.at_most) < LEVELS.index(self.level):
            raise ValueError(f"`at_most: {self.at_most}` is less than `level: {self.level}`")


class Policy:
    """Sets the exchange's priority."""

    __slots__ = ("_ranking",)

    def __init__(self, config: Config, parts: Parts) -> None:  # noqa: ARG002 - has no use for parts
        """Turn names into numbers."""
        self._ranking = Ranking(
            LEVELS.index(config.level),
            LEVELS.index(config.at_most or config.level),
            config.header.lower().encode() if config.header else None,
        )

    def handle(self, exchange: Exchange, onward: Onward) -> Awaitable[None]:
        """Set it, then go on."""
        return self._ranking.handle(exchange, onward)
