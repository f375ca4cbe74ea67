"""Questions over a control channel."""

from __future__ import annotations

import asyncio

import pytest

from sluicegate.errors import StoreAway
from sluicegate.process import messages
from sluicegate.process.questions import Questions

LATE = StoreAway("no answer in time")


def test_answers_come_to_the_questions_they_belong_to() -> None:
    async def scenario() -> None:
        sent: list[messages.Message] = []
        questions: Questions[str] = Questions(sent.append)
        asking = [asyncio.create_task(questions.ask(messages.Scrape, 5, LATE)) for _ in range(3)]
        await asyncio.sleep(0)
        assert sent == [messages.Scrape(number) for number in (1, 2, 3)]
        questions.answer(2, "two")
        questions.answer(1, "one")
        questions.fail(3, StoreAway("nobody knows"))
        assert [await each for each in asking[:2]] == ["one", "two"]
        with pytest.raises(StoreAway, match="nobody knows"):
            await asking[2]

    asyncio.run(scenario())


def test_what_comes_too_late_or_twice_is_dropped() -> None:
    async def scenario() -> None:
        questions: Questions[str] = Questions(lambda _: None)
        with pytest.raises(StoreAway, match="in time"):
            await questions.ask(messages.Scrape, 0, LATE)
        questions.answer(1, "late")
        questions.fail(1, LATE)
        asking = asyncio.create_task(questions.ask(messages.Scrape, 5, LATE))
        await asyncio.sleep(0)
        questions.answer(2, "first")
        questions.answer(2, "second")
        questions.fail(2, LATE)
        assert await asking == "first"

    asyncio.run(scenario())
