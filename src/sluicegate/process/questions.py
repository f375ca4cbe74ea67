"""Questions over a control channel, and their answers, by numbers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.process.messages import Message

Answer = TypeVar("Answer")


class Questions(Generic[Answer]):
    """Those of one asker, which have been sent and not answered."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        """Ask by `send`."""
        self._send = send
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Answer]] = {}

    async def ask(
        self, write: Callable[[int], Message], patience_s: float, late: Exception
    ) -> Answer:
        """Send what `write` makes of a number, and wait. Raises `late` past `patience_s`."""
        self._number += 1
        number = self._number
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._send(write(number))
        try:
            async with asyncio.timeout(patience_s):
                return await answer
        except TimeoutError:
            raise late from None
        finally:
            del self._waiting[number]

    def answer(self, number: int, answer: Answer) -> None:
        """Take an answer; one that comes too late is dropped."""
        waiting = self._waiting.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def fail(self, number: int, error: Exception) -> None:
        """Have a question raise `error`, if somebody still waits."""
        waiting = self._waiting.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_exception(error)
