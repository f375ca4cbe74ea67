"""How a route gets to a service: which of its targets, chosen how, within which time-outs."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.model.service import Timeouts
    from sluicegate.upstream.balance import Balance
    from sluicegate.upstream.hash_key import HashKey
    from sluicegate.upstream.service import UpstreamService
    from sluicegate.upstream.target import Target


class Destination:
    """A service, as one route uses it."""

    __slots__ = ("_balance", "_key_of", "service", "timeouts")

    def __init__(
        self,
        service: UpstreamService,
        balance: Balance[Target],
        timeouts: Timeouts,
        key_of: HashKey | None,
    ) -> None:
        """`key_of` gives what consistent hashing goes by; None for every other algorithm."""
        self.service = service
        self.timeouts = timeouts
        self._balance = balance
        self._key_of = key_of

    def pick(self, exchange: Exchange, exclude: Container[object] = ()) -> Target | None:
        """Return the target for the next attempt, none of `exclude`; None when there is none."""
        key_of = self._key_of
        if key_of is None:
            return self._balance.pick(exclude)
        return self._balance.pick(exclude, key_of(exchange))
