"""`model`: by the model that is asked for, as `models` names it; all other requests together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange

FORMS: Final = "model"


def subject(rest: str) -> Callable[[Exchange], str]:
    """Compile; nothing may stand behind the name."""
    if rest:
        raise ValueError("write `model`")

    def read(exchange: Exchange) -> str:
        call = exchange.call
        alias = None if call is None else call.alias
        return "=" + alias if alias is not None else "none"

    return read
