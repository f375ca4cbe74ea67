from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from sluicegate.errors import StoreAway
from sluicegate.model.ledger import BudgetWanted
from sluicegate.process import ledger_asking, messages
from sluicegate.process.channel import Frames, encode
from sluicegate.process.ledger_asking import LedgerAsking
from support.entries import Entries

WANTED = BudgetWanted("budget;a", "=b", (("spending-day", 5, "day"),), {"consumer": "b"})


def test_answers_come_to_the_questions_they_belong_to() -> None:
    async def scenario() -> None:
        asked: list[Any] = []
        asking = LedgerAsking(asked.append)
        entries = [Entries()(), Entries()()]
        work = (asking.bring(WANTED), asking.book(entries), asking.bring(WANTED), asking.book([]))
        tasks = [asyncio.create_task(each) for each in work]
        await asyncio.sleep(0)
        bring, book, other, last = asked
        assert (bring.wanted, book.entries) == (WANTED, entries)
        asking.heard(messages.Booked(book.number, 2, away=False))
        asking.heard(messages.Brought(bring.number, away=False))
        asking.heard(messages.Brought(other.number, away=True))
        asking.heard(messages.Booked(last.number, 0, away=True))
        await tasks[0]
        assert await tasks[1] == 2
        for task in tasks[2:]:
            with pytest.raises(StoreAway):
                await task
        asking.heard(messages.Booked(book.number, 2, away=False))

    asyncio.run(scenario())


def test_nobody_waits_for_ever_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_asking, "ANSWER_S", 0)

    async def scenario() -> None:
        with pytest.raises(StoreAway):
            await LedgerAsking(lambda _: None).bring(WANTED)

    asyncio.run(scenario())


def test_what_is_asked_survives_the_way() -> None:
    entries = [Entries()(consumer="a", cost=None), Entries()(estimated=True)]
    asked = [messages.Bring(1, WANTED), messages.Book(2, entries)]
    raw = b"".join(map(encode, asked))
    assert cast("list[Any]", Frames().feed(raw)) == asked
