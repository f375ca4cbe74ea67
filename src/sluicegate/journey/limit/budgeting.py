"""Takes where some of the limits are budgets, whose counts may have to be brought first.

A budget that the state does not know is not one that nobody has spent of: the state may have been
emptied. So its counts are brought from the ledger before the first call is let through. Where that
cannot be done now, the budget does what its `away` says, and the other limits are asked as ever.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from sluicegate.errors import StateAway, StoreAway
from sluicegate.journey.limit.wishing import share_out
from sluicegate.state.contract import UNKNOWN

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.journey.limit.wishing import Wish
    from sluicegate.policy import Parts
    from sluicegate.state.contract import Ask

ROUNDS: Final = 4
"""Of bringing and asking again: each brings what was unknown, so the second one has it all."""
DENY: Final = "deny"


class Budgeting:
    """One for a limiter that has budgets."""

    __slots__ = ("_books", "_life_ms", "_state")

    def __init__(self, parts: Parts) -> None:
        """Take from the state, and bring by the books."""
        self._state = parts.state
        self._books = parts.books
        self._life_ms = round(parts.reservation_s * 1000)

    async def take(self, exchange: Exchange, asked: list[Wish], ticket: str) -> list[Wish]:
        """Take everything or nothing, and say what the limits say; returns what was asked.

        Empty where a budget that cannot be known denies. Raises StateAway.
        """
        for _ in range(ROUNDS):
            asks = [wish.ask for wish in asked]
            cost = _dearest(asks)
            draft = self._books.draft(exchange, ticket, cost)
            verdict = await self._state.take(asks, ticket, draft, self._life_ms)
            share_out(asked, verdict.outcomes)
            unknown = [wish for wish in asked if _is_unknown(wish)]
            if not unknown:
                return asked
            if verdict.admitted:  # they are in shadow, and the others have been taken
                await self._shadowed(unknown)
                return asked
            for wish in asked:
                wish.outcomes = ()
            try:
                for wish in unknown:
                    await self._bring(wish)
            except (StateAway, StoreAway):
                if not self._go_without(unknown):
                    return []
                asked = [wish for wish in asked if wish not in unknown]
                if not asked:
                    return []
        raise StateAway("the counts of a budget do not stay")

    async def _shadowed(self, unknown: list[Wish]) -> None:
        """Bring for the calls that follow; this one is let through by those that nobody knows."""
        for wish in unknown:
            wish.outcomes = ()
            wish.late = True
            with suppress(StateAway, StoreAway):
                await self._bring(wish)

    async def _bring(self, wish: Wish) -> None:
        wanted = wish.rule.wanted
        if wanted is not None:
            await self._books.bring(wanted(wish.limits, wish.ask.subject))

    def _go_without(self, unknown: list[Wish]) -> bool:
        """Have budgets do what their `away` says; False where one of them denies."""
        for wish in unknown:
            wish.degraded = wish.rule.away
            wish.rule.counters.degraded.value += 1
            wish.late = True
        return not any(wish.degraded == DENY and not wish.rule.shadow for wish in unknown)


def _dearest(asks: list[Ask]) -> int:
    """Return the most that is asked of a budget."""
    cost = 0
    for ask in asks:
        if ask.group.spends and ask.cost > cost:
            cost = ask.cost
    return cost


def _is_unknown(wish: Wish) -> bool:
    if not wish.ask.group.spends:
        return False
    for outcome in wish.outcomes:  # noqa: SIM110 - a generator costs more, for every call
        if outcome.retry_after_us == UNKNOWN:
            return True
    return False
