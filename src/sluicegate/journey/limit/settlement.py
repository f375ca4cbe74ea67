"""What is to be settled once an exchange is over, where its line of the ledger goes along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluicegate.state.contract import Ask, LimitState


class Settlement:
    """The asks that were taken of `keeper` under `ticket`, and what each cost in the end."""

    __slots__ = ("asks", "costs", "keeper", "ticket")

    def __init__(
        self, keeper: LimitState, asks: Sequence[Ask], ticket: str, costs: Sequence[int]
    ) -> None:
        """Keep it."""
        self.keeper = keeper
        self.asks = asks
        self.ticket = ticket
        self.costs = costs
