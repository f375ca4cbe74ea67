from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from sluicegate.errors import StateAway, StoreAway
from sluicegate.model.consumer import Consumer, FoundKey, Key
from sluicegate.model.team import Team
from sluicegate.process import lookup as module
from sluicegate.process.lookup import Lookup
from sluicegate.store.contract import KeyRow
from sluicegate.store.kept import GONE

HASH = "main:" + "0" * 64
NAME = "sg_a_00000000"
KEY = json.dumps({"consumer": "alice", "hash": HASH}).encode()
TEAMS = {"red": Team(plan="pro")}


def row(
    consumer: bytes | None = b'{"plan":"free"}', key: bytes = KEY, team: bytes | None = None
) -> KeyRow:
    return KeyRow(NAME, 1, key, "alice", consumer, team)


class Answers:
    """A store and what is kept of it: both answer from a script."""

    def __init__(self, store: Any, kept: Any = None) -> None:
        self.said, self.recalled = store, kept
        self.asked = 0
        self.kept: list[tuple[FoundKey, int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def key(self, name: str) -> Any:
        assert name == NAME
        self.asked += 1
        await self.gate.wait()
        return self._give(self.said)

    def keep_key(self, found: FoundKey, arrival: int) -> None:
        self.kept.append((found, arrival))

    @staticmethod
    def _give(said: Any) -> Any:
        if isinstance(said, Exception):
            raise said
        return said


def lookup(
    store: Answers, kept: Answers | None = None, declared: Callable[[str], Any] = lambda _: None
) -> Lookup:
    kept = kept or Answers(None)
    return Lookup(cast("Any", store), cast("Any", kept), declared, TEAMS.get, lambda: 7)


def test_a_stored_key_is_found_with_whose_it_is_and_kept_as_of_the_arrival() -> None:
    async def scenario() -> None:
        kept = Answers(None)
        found = await lookup(Answers(row()), kept).find(NAME)
        assert found is not None
        assert (found.consumer_name, found.consumer.plan, found.key.hash) == ("alice", "free", HASH)
        assert kept.kept == [(found, 7)]

    asyncio.run(scenario())


def test_a_consumer_of_the_file_wins_over_a_stored_one() -> None:
    async def scenario() -> None:
        mine = Consumer(plan="pro", team="red")
        for stored in (b'{"plan":"free"}', None):
            found = await lookup(Answers(row(stored)), declared=lambda _: mine).find(NAME)
            assert found is not None
            assert found.consumer == mine
            assert found.team == TEAMS["red"]

    asyncio.run(scenario())


def test_a_key_of_nobody_is_nobodys() -> None:
    async def scenario() -> None:
        assert await lookup(Answers(None)).find(NAME) is None
        assert await lookup(Answers(row(None))).find(NAME) is None

    asyncio.run(scenario())


def test_what_cannot_be_read_is_no_key_and_is_said_without_its_content() -> None:
    async def scenario() -> None:
        newer = json.dumps({"consumer": "alice", "hash": HASH, "from_the_future": 1}).encode()
        with capture_logs() as logs:
            assert await lookup(Answers(row(key=newer))).find(NAME) is None
        assert [line["key"] for line in logs] == [NAME]
        assert HASH not in str(logs)

    asyncio.run(scenario())


def test_while_the_store_is_away_what_is_kept_answers() -> None:
    async def scenario() -> None:
        away = StoreAway("down")
        known = FoundKey(NAME, Key(hash=HASH), "alice", Consumer(), None)
        assert await lookup(Answers(away), Answers(known)).find(NAME) == known
        assert await lookup(Answers(away), Answers(GONE)).find(NAME) is None
        for kept in (None, StateAway("down")):
            with pytest.raises(StoreAway):
                await lookup(Answers(away), Answers(kept)).find(NAME)

    asyncio.run(scenario())


def test_a_store_that_hangs_is_not_waited_for_where_the_state_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0)

    async def scenario() -> None:
        hanging = Answers(row())
        hanging.gate.clear()
        assert await lookup(hanging, Answers(GONE)).find(NAME) is None

    asyncio.run(scenario())


def test_a_name_is_asked_for_once_however_many_wait() -> None:
    async def scenario() -> None:
        store = Answers(row())
        store.gate.clear()
        one = lookup(store)
        waiting = [asyncio.create_task(one.find(NAME)) for _ in range(5)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        store.gate.set()
        found = await asyncio.gather(*waiting[1:])
        assert len(found) == 4
        assert None not in found
        assert store.asked == 1
        await one.find(NAME)
        assert store.asked == 2

    asyncio.run(scenario())


@pytest.mark.parametrize("everything", [False, True])
def test_who_asks_after_a_change_does_not_get_the_answer_of_before(*, everything: bool) -> None:
    async def scenario() -> None:
        store = Answers(row())
        store.gate.clear()
        one = lookup(store)
        before = asyncio.create_task(one.find(NAME))
        await asyncio.sleep(0)
        one.forget_all() if everything else one.forget(NAME)
        after = asyncio.create_task(one.find(NAME))
        await asyncio.sleep(0)
        store.gate.set()
        await asyncio.gather(before, after)
        assert store.asked == 2

    asyncio.run(scenario())


def test_a_team_that_does_not_run_still_gives_its_plan() -> None:
    async def scenario() -> None:
        found = await lookup(Answers(row(b'{"team":"blue"}', team=b'{"plan":"gone"}'))).find(NAME)
        assert found is not None
        assert found.team == Team(plan="gone")

    asyncio.run(scenario())


def test_what_was_kept_is_under_the_consumer_and_the_team_of_now() -> None:
    async def scenario() -> None:
        known = FoundKey(NAME, Key(hash=HASH), "alice", Consumer(plan="free"), None)
        mine = Consumer(team="red")
        one = lookup(Answers(StoreAway("down")), Answers(known), lambda _: mine)
        found = await one.find(NAME)
        assert found is not None
        assert (found.consumer, found.team) == (mine, TEAMS["red"])

    asyncio.run(scenario())
