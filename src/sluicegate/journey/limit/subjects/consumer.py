"""`consumer`: by who calls; who is anonymous is counted by address."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sluicegate.journey.limit.subjects import ip

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange

FORMS: Final = "consumer"


def subject(rest: str) -> Callable[[Exchange], str]:
    """Compile; nothing may stand behind the name."""
    if rest:
        raise ValueError("write `consumer`")
    address = ip.subject("")

    def read(exchange: Exchange) -> str:
        name = exchange.consumer_name
        return "=" + name if name is not None else "anonymous:" + address(exchange)

    return read
