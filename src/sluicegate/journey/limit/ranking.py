"""Says how important each request is; the running part of `priority`."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from sluicegate.upstream.admission.queue import LEVELS

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward


class Ranking:
    """Sets the priorities of exchanges: 0 low to 3 critical."""

    __slots__ = ("_at_most", "_header", "_level")

    def __init__(self, level: int, at_most: int, header: bytes | None) -> None:
        """`header` may ask for another level by name, up to `at_most`; None: nobody may."""
        self._level = level
        self._at_most = at_most
        self._header = header

    def handle(self, exchange: Exchange, onward: Onward) -> Awaitable[None]:
        """Set it, then go on."""
        exchange.priority = self._level
        header = self._header
        asked = None if header is None else exchange.request.headers.get(header)
        if asked is not None:
            name = asked.decode("latin-1").strip().lower()
            if name in LEVELS:
                exchange.priority = min(LEVELS.index(name), self._at_most)
        return onward(exchange)
