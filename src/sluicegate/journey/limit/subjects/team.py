"""`team`: all consumers of a team together; one without a team is counted alone.

Who is anonymous is counted by address.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sluicegate.journey.limit.subjects import consumer

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange

FORMS: Final = "team"


def subject(rest: str) -> Callable[[Exchange], str]:
    """Compile; nothing may stand behind the name."""
    if rest:
        raise ValueError("write `team`")
    alone = consumer.subject("")

    def read(exchange: Exchange) -> str:
        caller = exchange.consumer
        team = None if caller is None else caller.team
        return "=" + team if team is not None else "alone:" + alone(exchange)

    return read
