from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from sluicegate.clock import Clock
from sluicegate.errors import StateAway
from sluicegate.metrics import Metrics
from sluicegate.model.consumer import Consumer, FoundKey, Key
from sluicegate.model.team import Team
from sluicegate.state.redis.shelf import RedisShelf
from sluicegate.store.contract import DataKey, Revision
from sluicegate.store.kept import DAY_S, GONE, REFRESH_S, Kept
from sluicegate.store.seal import Seal
from support.loops import run
from support.mock_clock import EPOCH_US, MockClock
from support.ports import free_port
from support.state_scenes import patient
from support.valkey import Valkey

PEPPERS = {"main": "m" * 32}
NAME = "sg_eu_AbCd0123"
FOUND = FoundKey(
    NAME,
    Key(
        hash="main:" + "0" * 64,
        description="of the tests",
        expires=datetime(2027, 1, 31, tzinfo=UTC),
        ip_ranges=["10.0.0.0/8"],
        scopes=["orders:read"],
    ),
    "alice",
    Consumer(plan="free", team="blue"),
    Team(plan="pro"),
)


def revision(number: int) -> Revision:
    return Revision(
        f"id-{number}", "route", f"r{number}", number << 16, "eu", b'{"match":{"path":"/"}}',
        None, None, "alice", "10.0.0.1", "apply", EPOCH_US, number,
    )  # fmt: skip


DATA_KEY = DataKey("row", "key", "main", b"wrapped", EPOCH_US)


Play = Callable[..., None]


class World:
    """Replicas that share a state; each with a folder of its own, and a clock that is moved."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.clock = MockClock()
        self.metrics = Metrics()
        self._open: list[tuple[Kept, RedisShelf]] = []

    async def replica(
        self, name: str = "one", peppers: dict[str, str] = PEPPERS, *, disk: bool = True
    ) -> Kept:
        shelf = RedisShelf(patient(self.url), Clock(), Metrics())
        await shelf.start()
        seal = Seal(peppers, self.metrics)
        folder = self.folder / name if disk else None
        kept = Kept(shelf, folder, seal, self.clock, self.metrics)
        self._open.append((kept, shelf))
        return kept

    async def settled(self, *replicas: Kept) -> None:
        """Wait until everything that was to be kept is kept; a second passes for that."""
        self.clock.advance(1)
        for kept in replicas:
            while kept._task is not None:
                await asyncio.wait([kept._task])
            while kept._outbox is not None and kept._outbox._task is not None:
                await asyncio.wait([kept._outbox._task])

    async def close(self) -> None:
        for kept, shelf in self._open:
            await kept.close()
            shelf.close()


@pytest.fixture
def play(valkey: Valkey, tmp_path: Path) -> Callable[[Callable[[World], Awaitable[None]]], None]:
    def start(scene: Callable[[World], Awaitable[None]], url: str = valkey.url) -> None:
        async def body() -> None:
            w = World(url, tmp_path)
            try:
                await scene(w)
            finally:
                await w.close()

        run(body())

    return start


# --- the configuration --------------------------------------------------------------------------


def test_a_replica_with_an_empty_disk_finds_what_another_kept(play: Play) -> None:
    async def scene(w: World) -> None:
        one, two = await w.replica("one"), await w.replica("two")
        assert await two.snapshot("eu") is None
        one.keep_snapshot("eu", 7, [revision(1), revision(2)], [DATA_KEY])
        await w.settled(one)
        found = await two.snapshot("eu")
        assert found is not None
        assert (found.region, found.arrival) == ("eu", 7)
        assert found.revisions == [revision(1), revision(2)]
        assert found.data_keys == [DATA_KEY]
        assert await two.snapshot("us") is None

    play(scene)


def test_while_the_state_is_away_a_replica_finds_its_own_configuration_and_no_key(
    play: Play,
) -> None:
    async def keeps(w: World) -> None:
        one = await w.replica()
        one.keep_snapshot("eu", 7, [revision(1)])
        await w.settled(one)

    async def finds(w: World) -> None:
        found = await (await w.replica()).snapshot("eu")
        assert found is not None
        assert found.arrival == 7
        with pytest.raises(StateAway):
            await (await w.replica("empty")).snapshot("eu")
        with pytest.raises(StateAway):
            await (await w.replica(disk=False)).snapshot("eu")
        with pytest.raises(StateAway):
            await (await w.replica()).key(NAME)

    play(keeps)
    play(finds, f"redis://127.0.0.1:{free_port()}")


def test_of_state_and_disk_the_newer_one_is_found(play: Play) -> None:
    async def scene(w: World) -> None:
        one, two = await w.replica("one"), await w.replica("two")
        one.keep_snapshot("eu", 7, [revision(1)])
        await w.settled(one)
        two.keep_snapshot("eu", 8, [revision(2)])
        await w.settled(two)
        found = await one.snapshot("eu")
        assert found is not None
        assert found.arrival == 8
        one.keep_snapshot("eu", 6, [revision(3)])
        await w.settled(one)
        found = await one.snapshot("eu")
        assert found is not None
        assert found.arrival == 8, "what lags behind replaces nothing"

    play(scene)


def test_many_changes_in_a_second_are_kept_once_and_none_for_none(play: Play) -> None:
    async def scene(w: World) -> None:
        one = await w.replica()
        for arrival in range(1, 20):
            one.keep_snapshot("eu", arrival, [revision(arrival)])
        await w.settled(one)
        kept = w.metrics.families["sluicegate_store_kept_total"].cell("snapshot", "kept")
        assert kept.value == 1
        one.keep_snapshot("eu", 99, [revision(19)])
        await w.settled(one)
        assert kept.value == 1
        found = await one.snapshot("eu")
        assert found is not None
        assert found.arrival == 19

    play(scene)


def test_a_change_while_one_is_being_kept_is_kept_after_it(play: Play) -> None:
    async def scene(w: World) -> None:
        one = await w.replica()
        one.keep_snapshot("eu", 1, [revision(1)])
        w.clock.advance(1)
        one.keep_snapshot("eu", 2, [revision(2)])
        await w.settled(one)
        await w.settled(one)
        found = await one.snapshot("eu")
        assert found is not None
        assert found.arrival == 2

    play(scene)


def test_the_state_forgets_it_after_a_day_unless_a_replica_still_lives(
    play: Play, valkey: Valkey
) -> None:
    async def scene(w: World) -> None:
        one, new = await w.replica("one"), await w.replica(disk=False)
        one.keep_snapshot("eu", 7, [revision(1)])
        await w.settled(one)
        for _ in range(8):
            with valkey.client() as client:  # what the server would have done of itself
                left_ms = client.pttl("sg:{snapshot:eu}") - int(REFRESH_S * 1000)
                client.pexpire("sg:{snapshot:eu}", left_ms)
            w.clock.advance(REFRESH_S)
            await w.settled(one)
        assert await new.snapshot("eu") is not None
        w.clock._timers.clear()  # the replica is gone
        w.clock.advance(DAY_S + 1)
        assert await new.snapshot("eu") is None

    play(scene)


def test_a_snapshot_of_another_pepper_is_not_used(play: Play) -> None:
    async def scene(w: World) -> None:
        stranger = await w.replica("x", {"main": "x" * 32})
        stranger.keep_snapshot("eu", 7, [revision(1)])
        await w.settled(stranger)
        assert await (await w.replica()).snapshot("eu") is None
        assert w.metrics.families["sluicegate_store_seals_refused_total"].cell().value == 1

    play(scene)


def test_closing_keeps_what_still_waits(play: Play) -> None:
    async def scene(w: World) -> None:
        one = await w.replica()
        one.keep_snapshot("eu", 7, [revision(1)])
        one.keep_key(FOUND, 7)
        await one.close()
        two = await w.replica("two")
        assert await two.snapshot("eu") is not None
        assert await two.key(NAME) == FOUND

    play(scene)


def test_without_a_pepper_nothing_is_kept(play: Play, valkey: Valkey) -> None:
    async def scene(w: World) -> None:
        one = await w.replica(peppers={})
        one.keep_snapshot("eu", 7, [revision(1)])
        one.keep_key(FOUND, 7)
        one.revoke_key(NAME)
        await w.settled(one)
        with valkey.client() as client:
            assert client.dbsize() == 0
        assert (await one.snapshot("eu"), await one.key(NAME)) == (None, None)

    play(scene)


# --- keys ---------------------------------------------------------------------------------------


def test_a_key_that_one_replica_found_is_known_to_all(play: Play) -> None:
    async def scene(w: World) -> None:
        one, two = await w.replica("one"), await w.replica("two")
        assert await two.key(NAME) is None
        one.keep_key(FOUND, 7)
        assert await one.key(NAME) == FOUND, "at once where it was found"
        await w.settled(one)
        assert await two.key(NAME) == FOUND
        assert await two.key("sg_eu_Unknown0") is None

    play(scene)


def test_a_record_ends_a_day_after_its_look_up(play: Play) -> None:
    async def scene(w: World) -> None:
        one = await w.replica()
        one.keep_key(FOUND, 7)
        await w.settled(one)
        w.clock.advance(DAY_S - 2)
        assert await one.key(NAME) == FOUND
        w.clock.advance(1)
        assert await one.key(NAME) is None

    play(scene)


def test_a_revoked_key_stays_gone_whatever_slow_replicas_keep(play: Play) -> None:
    async def scene(w: World) -> None:
        one, slow = await w.replica("one"), await w.replica("slow")
        one.keep_key(FOUND, 7)
        await w.settled(one)
        one.revoke_key(NAME)
        assert await one.key(NAME) is GONE
        await w.settled(one)
        slow.keep_key(FOUND, 10**12)
        await w.settled(slow)
        assert await slow.key(NAME) is GONE
        w.clock.advance(DAY_S)
        assert await slow.key(NAME) is GONE, "longer than any record of it"

    play(scene)


@pytest.mark.parametrize("what", ["consumer", "team"])
def test_a_changed_consumer_or_team_outdates_what_was_looked_up_before(
    play: Play, what: str
) -> None:
    async def scene(w: World) -> None:
        one, two = await w.replica("one"), await w.replica("two")
        one.keep_key(FOUND, 7)
        await w.settled(one)
        if what == "consumer":
            two.outdate_consumer("alice", 8)
        else:
            two.outdate_team("blue", 8)
        await w.settled(two)
        assert await one.key(NAME) is None
        one.keep_key(FOUND, 8)
        await w.settled(one)
        assert await two.key(NAME) == FOUND
        two.outdate_consumer("bob", 9)
        two.outdate_team("red", 9)
        await w.settled(two)
        assert await one.key(NAME) == FOUND

    play(scene)


def test_a_changed_key_outdates_what_was_looked_up_before_and_is_not_gone(play: Play) -> None:
    async def scene(w: World) -> None:
        one, two = await w.replica("one"), await w.replica("two")
        one.keep_key(FOUND, 7)
        await w.settled(one)
        two.outdate_key(NAME, 8)
        await w.settled(two)
        assert await one.key(NAME) is None
        one.keep_key(FOUND, 7)
        await w.settled(one)
        assert await two.key(NAME) is None, "looked up before the change, kept after it"
        one.keep_key(FOUND, 8)
        await w.settled(one)
        assert await two.key(NAME) == FOUND
        two.outdate_key(NAME, 8)
        await w.settled(two)
        assert await two.key(NAME) == FOUND, "looked up after the change"

    play(scene)


def test_a_revocation_while_the_state_is_away_reaches_it_later(tmp_path: Path) -> None:
    async def body() -> None:
        w = World(server.url, tmp_path)
        one = await w.replica()
        one.keep_key(FOUND, 7)
        await w.settled(one)
        server.pause()
        one.revoke_key(NAME)
        assert await one.key(NAME) is GONE, "known here all the same"
        server.resume()
        outbox = one._outbox
        assert outbox is not None
        while outbox._task is not None:  # the breaker's probes have the machine's clock
            w.clock.advance(1)
            await asyncio.sleep(0.01)
        assert await (await w.replica("two")).key(NAME) is GONE
        await w.close()

    with Valkey(tmp_path) as server:
        run(body())


def test_a_record_under_another_keys_name_is_not_used(play: Play, valkey: Valkey) -> None:
    async def scene(w: World) -> None:
        one = await w.replica()
        one.keep_key(FOUND, 7)
        await w.settled(one)
        with valkey.client() as client:
            client.copy(f"sg:{{key:{NAME}}}", "sg:{key:sg_eu_Other000}")
            client.set(f"sg:{{key:{NAME}}}", b"%020dv" % 9 + msgspec.msgpack.encode(FOUND))
        assert (await one.key("sg_eu_Other000"), await one.key(NAME)) == (None, None)

    play(scene)


def test_without_a_state_keys_are_kept_nowhere_and_the_configuration_on_disk(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        clock = MockClock()
        kept = Kept(None, tmp_path, Seal(PEPPERS, Metrics()), clock, Metrics())
        kept.keep_key(FOUND, 7)
        kept.revoke_key(NAME)
        assert await kept.key(NAME) is None
        kept.keep_snapshot("eu", 7, [revision(1)])
        await kept.close()
        assert await kept.snapshot("eu") is not None

    run(body())
