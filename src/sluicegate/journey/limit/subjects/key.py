"""`key`: by the key that was shown; who showed none is counted by address."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sluicegate.journey.limit.subjects import ip

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange

FORMS: Final = "key"


def subject(rest: str) -> Callable[[Exchange], str]:
    """Compile; nothing may stand behind the name."""
    if rest:
        raise ValueError("write `key`")
    address = ip.subject("")

    def read(exchange: Exchange) -> str:
        key_id = exchange.key_id
        return "=" + key_id if key_id is not None else "anonymous:" + address(exchange)

    return read
