"""A worker's way to the ledger's side of its replica: it asks over its control channel."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sluicegate.errors import StoreAway
from sluicegate.process import messages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sluicegate.model.ledger import BudgetWanted, Entry

ANSWER_S: Final = 5.0
"""For an answer. Whoever gives it may have to wait for the store, several times."""


class LedgerAsking:
    """A `BudgetSource`, and a place to book entries, over a control channel."""

    def __init__(self, send: Callable[[messages.Message], None]) -> None:
        """Ask by `send`."""
        self._send = send
        self._number = 0
        self._waiting: dict[int, asyncio.Future[int]] = {}

    async def bring(self, wanted: BudgetWanted) -> None:
        """Have the state count a budget. Raises StoreAway."""
        self._number += 1
        await self._ask(messages.Bring(self._number, wanted))

    async def book(self, entries: Sequence[Entry]) -> int:
        """Keep entries; returns how many came. Raises StoreAway."""
        self._number += 1
        return await self._ask(messages.Book(self._number, list(entries)))

    def heard(self, message: messages.Brought | messages.Booked) -> None:
        """Take an answer; one that comes too late is dropped."""
        waiting = self._waiting.get(message.number)
        if waiting is None or waiting.done():
            return
        if message.away:
            waiting.set_exception(StoreAway("what was spent cannot be asked now"))
        else:
            waiting.set_result(message.came if isinstance(message, messages.Booked) else 0)

    async def _ask(self, question: messages.Bring | messages.Book) -> int:
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[question.number] = answer
        self._send(question)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except TimeoutError:
            raise StoreAway("no answer in time") from None
        finally:
            del self._waiting[question.number]
