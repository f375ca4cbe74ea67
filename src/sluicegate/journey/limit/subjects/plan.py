"""`plan`: all consumers of a plan together; callers without a plan share one allowance."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange

FORMS: Final = "plan"


def subject(rest: str) -> Callable[[Exchange], str]:
    """Compile; nothing may stand behind the name."""
    if rest:
        raise ValueError("write `plan`")

    def read(exchange: Exchange) -> str:
        plan = exchange.plan
        return "=" + plan if plan is not None else "-"

    return read
