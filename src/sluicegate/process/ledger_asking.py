"""A worker's way to the ledger's side of its replica: it asks over its control channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluicegate.errors import StoreAway
from sluicegate.process import messages
from sluicegate.process.questions import Questions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sluicegate.model.ledger import BudgetWanted, Entry

ANSWER_S: Final = 5.0
"""For an answer. Whoever gives it may have to wait for the store, several times."""


class LedgerAsking:
    """A `BudgetSource`, and a place to book entries, over a control channel."""

    def __init__(self, send: Callable[[messages.Message], None]) -> None:
        """Ask by `send`."""
        self._questions: Questions[int] = Questions(send)

    async def bring(self, wanted: BudgetWanted) -> None:
        """Have the state count a budget. Raises StoreAway."""
        await self._ask(lambda number: messages.Bring(number, wanted))

    async def book(self, entries: Sequence[Entry]) -> int:
        """Keep entries; returns how many came. Raises StoreAway."""
        return await self._ask(lambda number: messages.Book(number, list(entries)))

    def heard(self, message: messages.Brought | messages.Booked) -> None:
        """Take an answer; one that comes too late is dropped."""
        if message.away:
            away = StoreAway("what was spent cannot be asked now")
            self._questions.fail(message.number, away)
        else:
            came = message.came if isinstance(message, messages.Booked) else 0
            self._questions.answer(message.number, came)

    async def _ask(self, write: Callable[[int], messages.Message]) -> int:
        return await self._questions.ask(write, ANSWER_S, StoreAway("no answer in time"))
