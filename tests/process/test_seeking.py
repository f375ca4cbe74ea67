from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from sluicegate.errors import StoreAway
from sluicegate.model.consumer import Consumer, FoundKey, Key
from sluicegate.model.team import Team
from sluicegate.process import messages, seeking
from sluicegate.process.seeking import Seeking, forget, pack, unpack

FOUND = FoundKey(
    "sg_a_00000000",
    Key(hash="main:" + "0" * 64, routes=["a*"], methods=["GET"]),
    "alice",
    Consumer(plan="free", team="red", limits={"api": ["5/second"]}),
    Team(plan="pro"),
)


def test_what_was_found_survives_the_way() -> None:
    assert unpack(pack(FOUND)) == FOUND
    assert unpack(pack(None)) is None


def test_answers_come_to_the_questions_they_belong_to() -> None:
    async def scenario() -> None:
        asked: list[messages.Seek] = []
        source = Seeking(lambda message: asked.append(cast("messages.Seek", message)))
        one = asyncio.create_task(source.find("sg_a_1"))
        two = asyncio.create_task(source.find("sg_a_2"))
        three = asyncio.create_task(source.find("sg_a_3"))
        await asyncio.sleep(0)
        first, second, third = asked
        source.heard(messages.Sought(second.number, pack(FOUND), away=False))
        source.heard(messages.Sought(first.number, None, away=False))
        source.heard(messages.Sought(third.number, None, away=True))
        assert await one is None
        assert await two == FOUND
        with pytest.raises(StoreAway):
            await three
        source.heard(messages.Sought(first.number, pack(FOUND), away=False))

    asyncio.run(scenario())


def test_nobody_waits_forever_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeking, "ANSWER_S", 0)

    async def scenario() -> None:
        with pytest.raises(StoreAway):
            await Seeking(lambda _: None).find("sg_a_1")

    asyncio.run(scenario())


class Ring:
    """Keeps what it was told to forget."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *names: self.told.append((name, *names))


def test_a_keyring_forgets_what_the_message_names() -> None:
    ring = Ring()
    forget(cast("Any", ring), messages.Forget(["k"], ["c"], ["t"], everything=False, arrival=1))
    assert ring.told == [("forget", ["k"]), ("forget_consumers", ["c"]), ("forget_teams", ["t"])]
    ring = Ring()
    forget(cast("Any", ring), messages.Forget([], [], [], everything=True, arrival=1))
    assert ring.told == [("forget_all",)]
