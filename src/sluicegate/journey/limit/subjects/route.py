"""`route`: all callers of a route together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange

FORMS: Final = "route"


def subject(rest: str) -> Callable[[Exchange], str]:
    """Compile; nothing may stand behind the name."""
    if rest:
        raise ValueError("write `route`")

    def read(exchange: Exchange) -> str:
        route = exchange.route
        return "=" + route.name if route is not None else "-"

    return read
