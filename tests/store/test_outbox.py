from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from sluicegate.errors import StateAway
from sluicegate.metrics import Metrics
from sluicegate.store.outbox import Outbox, Wish
from support.loops import run
from support.mock_clock import MockClock


class Server:
    """The `put` of a shelf whose server can be away, and answers when it is told to."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[bytes, int]] = {}
        self.order: list[str] = []
        self.away = False
        self.most_at_once = 0
        self._now = 0

    async def put(self, name: str, value: bytes, version: int, life_s: int) -> bool:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        await asyncio.sleep(0)
        self._now -= 1
        if self.away:
            raise StateAway("no answer in time")
        if life_s == 0:
            raise ValueError("too large")
        self.order.append(name)
        if name in self.kept and self.kept[name][1] >= version:
            return False
        self.kept[name] = (value, version)
        return True


class World:
    def __init__(self) -> None:
        self.server = Server()
        self.clock = MockClock()
        self.metrics = Metrics()
        self.outbox = Outbox(self.server, self.clock, self.metrics)  # type: ignore[arg-type]

    def add(self, name: str, version: int = 1, *, urgent: bool = False, life_s: int = 9) -> None:
        what = "mark" if urgent else "key"
        wish = Wish(what, b"%d" % version, version, life_s)
        self.outbox.add(name, wish, urgent=urgent)

    def count(self, what: str, outcome: str) -> float:
        return self.metrics.families["sluicegate_store_kept_total"].cell(what, outcome).value

    async def turns(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)


def test_what_is_added_is_put_and_no_longer_waits() -> None:
    async def scene() -> None:
        w = World()
        w.add("a")
        waiting = w.outbox.waiting("a")
        assert waiting is not None
        assert waiting.sealed == b"1"
        await w.turns()
        assert w.server.kept == {"a": (b"1", 1)}
        assert w.outbox.waiting("a") is None
        w.add("a")
        await w.turns()
        assert (w.count("key", "kept"), w.count("key", "there")) == (1, 1)

    run(scene())


def test_only_the_newest_wish_for_a_name_is_put() -> None:
    async def scene() -> None:
        w = World()
        for version in (1, 3, 2):
            w.add("a", version)
        await w.turns()
        assert w.server.kept == {"a": (b"3", 3)}
        assert w.server.order == ["a"]

    run(scene())


def test_a_revocation_goes_first_and_in_the_place_of_what_waits() -> None:
    async def scene() -> None:
        w = World()
        for n in range(40):
            w.add(f"key-{n}")
        w.add("key-20", 9, urgent=True)
        await w.turns()
        assert w.server.order[0] == "key-20"
        assert w.server.order.count("key-20") == 1
        assert len(w.server.kept) == 40
        assert w.server.most_at_once <= 32

    run(scene())


def test_while_the_state_is_away_it_tries_again_and_says_so_once() -> None:
    async def scene() -> None:
        w = World()
        w.server.away = True
        w.add("a", urgent=True)
        for _ in range(3):
            await w.turns()
            w.clock.advance(1)
        assert w.outbox.waiting("a") is not None
        w.server.away = False
        await w.turns()
        w.clock.advance(1)
        await w.turns()
        assert w.server.kept == {"a": (b"1", 1)}
        assert w.count("mark", "late") >= 3

    with capture_logs() as lines:
        run(scene())
    assert [line["event"] for line in lines] == ["store_records_wait", "store_records_kept_again"]


def test_what_came_newer_while_it_was_being_put_is_put_as_well() -> None:
    async def scene() -> None:
        w = World()
        w.add("a", 1)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        w.add("a", 2)
        await w.turns()
        assert w.server.kept == {"a": (b"2", 2)}

    run(scene())


def test_a_record_that_can_never_be_put_is_dropped_and_holds_up_nothing() -> None:
    async def scene() -> None:
        w = World()
        w.add("huge", life_s=0)
        w.add("a")
        await w.turns()
        assert w.server.kept == {"a": (b"1", 1)}
        assert w.outbox.waiting("huge") is None
        assert w.count("key", "dropped") == 1

    with capture_logs() as lines:
        run(scene())
    assert [(line["event"], line["error"]) for line in lines] == [
        ("store_record_not_kept", "ValueError")
    ]


def test_keys_without_room_are_dropped_and_revocations_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sluicegate.store.outbox.MOST", 2)

    async def scene() -> None:
        w = World()
        for name in "abcd":
            w.add(name)
        w.add("e", urgent=True)
        await w.turns()
        assert sorted(w.server.kept) == ["a", "b", "e"]
        assert w.count("key", "dropped") == 2

    run(scene())


@pytest.mark.parametrize("away", [False, True])
def test_closing_puts_what_waits_where_that_can_be_done(*, away: bool) -> None:
    async def scene() -> None:
        w = World()
        w.server.away = away
        w.add("a")
        await w.outbox.close(5.0)
        assert ("a" in w.server.kept) is not away

    run(scene())
