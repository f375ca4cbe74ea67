"""The ledger on servers: what only they do. What all ledgers do is in `tests/contracts`."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

import pytest
from redis.crc import key_slot

from sluicegate.clock import Clock
from sluicegate.errors import StateAway
from sluicegate.metrics import Metrics
from sluicegate.model.ledger import Entry
from sluicegate.settings import State, StateTls
from sluicegate.state.ledger import Batch
from sluicegate.state.redis.ledger import OF_CALLS, SCRIPTS, RedisLedger, open_ledger
from sluicegate.state.redis.scripts import script
from support import state_scenes
from support.ports import free_port
from support.state_ledgers import GROUP, MONTH, Pair, ids, player
from support.valkey import PASSWORD, USER, Valkey, tls_server
from support.valkey_cluster import cluster

FOLDER = files("sluicegate.state") / "scripts"


play = functools.partial(state_scenes.play, RedisLedger, "sluicegate_ledger_calls_total")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_tells_its_wire_form_and_is_known_by_its_digest(name: str, valkey: Valkey) -> None:
    text = (FOLDER / f"ledger_{name}.lua").read_text("utf-8")
    assert "-- EVALSHA sha " in text
    assert "-- Reply: " in text
    found = script(f"ledger_{name}")
    with valkey.client() as client:
        assert client.script_load(found.source).encode() == found.sha


def test_memory_has_none_but_its_own() -> None:
    assert open_ledger(State(), Clock(), Metrics()) is None


def test_every_other_state_has_one() -> None:
    for url in ("redis://a", "unix:///run/a", "redis+sentinel://a/main", "redis+cluster://a,b"):
        assert isinstance(open_ledger(State(url=url), Clock(), Metrics()), RedisLedger)


def test_a_mover_that_is_not_heard_of_has_ended(valkey: Valkey) -> None:
    async def scene(ledger: RedisLedger) -> None:
        with valkey.client() as client:
            left_ms = 0
            while left_ms <= 4_000:  # each read has it live as long again
                assert await ledger.read("one", 10) is not None
                left_ms = client.pttl("sg:{ledger}mover")
            assert left_ms <= 5_000
            assert await ledger.read("two", 10) is None
            client.delete("sg:{ledger}mover")
        assert await ledger.read("two", 10) is not None
        assert await ledger.read("one", 10) is None

    play(valkey.url, scene)


def test_a_version_from_before_everything_was_lost_is_another_one(valkey: Valkey) -> None:
    async def scene(pair: Pair) -> None:
        version = await pair.ledger.version()
        assert await pair.ledger.version() == version
        with valkey.client() as client:
            client.flushall()
        assert not await pair.ledger.seed(GROUP, "ada", [0], pair.starts(GROUP), version)
        assert await pair.seed()

    player("single", lambda _: valkey)(scene)


def test_counts_live_until_the_end_of_the_next_period_and_what_waits_for_ever(
    valkey: Valkey,
) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.seed()
        await pair.append(Entry(id="a"))
        with valkey.client() as client:
            life_ms = client.pttl(f"sg:{{ledger}}{GROUP.place}\x1fada")
            assert client.pttl("sg:{ledger}lines") == -1
        assert MONTH.algorithm.limit
        assert 28 * 86_400_000 < life_ms <= 62 * 86_400_000

    player("single", lambda _: valkey)(scene)


def test_budgets_that_have_ended_are_not_counted_and_not_kept_in_mind(valkey: Valkey) -> None:
    async def scene(pair: Pair) -> None:
        for n in range(50):
            assert await pair.seed(GROUP, f"{n}")
            pair.lose(f"{GROUP.place}\x1f{n}")
        assert await pair.seed()
        with valkey.client() as client:
            assert client.scard("sg:{ledger}budgets") < 40
            assert [each.subject for each in await pair.ledger.counts()] == ["ada"]
            assert client.smembers("sg:{ledger}budgets") == {f"{GROUP.place}\x1fada".encode()}

    player("single", lambda _: valkey)(scene)


def test_a_slot_on_its_way_to_another_node_loses_nothing(tmp_path: Path) -> None:
    async def scene(pair: Pair) -> None:
        assert await pair.seed(GROUP, "ada", 5)
        await pair.append(Entry(id="a"))
        slot, home = key_slot(b"ledger"), nodes.owner(b"ledger")
        other = next(node for node in nodes.nodes if node is not home)
        await asyncio.to_thread(nodes.begin_move, slot, other)
        for call in (pair.read(), pair.ledger.sweep(10), pair.seed(GROUP, "bob")):
            with pytest.raises(StateAway):
                await call
        await asyncio.to_thread(nodes.finish_move, slot, other)
        assert ids((await pair.move()).lines) == ["a"]
        assert await pair.counts() == [(MONTH.label, 5, 0)]

    with cluster(tmp_path) as nodes:
        player("cluster", lambda _: nodes)(scene)


def test_a_server_that_is_away_says_so() -> None:
    async def scene(ledger: RedisLedger) -> None:
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: ledger.read("one", 10),
            lambda: ledger.moved("one", Batch([], [], [])),
            ledger.waiting, ledger.version, ledger.counts, ledger.pending,
            lambda: ledger.sweep(10),
            lambda: ledger.seed(GROUP, "ada", [0], [0], 0),
            lambda: ledger.put(GROUP, "ada", [0], [0], 0),
        ]  # fmt: skip
        for each in calls:
            with pytest.raises(StateAway):
                await each()

    assert play(f"redis://127.0.0.1:{free_port()}", scene) == {"ok": 0, "away": 9}


def test_it_goes_on_when_the_server_is_back(tmp_path: Path) -> None:
    async def scene(ledger: RedisLedger) -> None:
        server.kill()
        with pytest.raises(StateAway):
            await ledger.read("one", 10)
        server.start()
        while True:
            try:
                assert await ledger.read("one", 10) == Batch([], [], [])
            except StateAway:
                await asyncio.sleep(0.01)
            else:
                break

    with Valkey(tmp_path) as server:
        play(server.url, scene)


def test_the_rights_that_limits_need_are_enough_with_tls(tmp_path: Path) -> None:
    async def scene(ledger: RedisLedger) -> None:
        version = await ledger.version()
        start_us = MONTH.algorithm.decide(None, Clock().wall_us(), 0)[1][0]
        assert isinstance(start_us, int)
        assert await ledger.seed(GROUP, "ada", [5], [start_us], version)
        assert [each.spent for each in await ledger.counts()] == [5]
        assert await ledger.read("one", 10) == Batch([], [], [])
        await ledger.moved("one", Batch([], [], []))
        assert await ledger.sweep(10) == 0
        assert await ledger.pending() == []

    with tls_server(tmp_path) as server:
        tls = StateTls(ca=str(server.authority.ca))
        play(server.url, scene, tls=tls, username=USER, password=PASSWORD)


def test_a_server_learns_what_workers_call_before_they_do(valkey: Valkey) -> None:
    names = [script(name).sha.decode() for name in OF_CALLS]

    async def scene(ledger: RedisLedger) -> None:
        with valkey.client() as client:
            assert client.script_exists(*names) == [True] * len(names)
            await ledger.read("one", 1)
            client.script_flush()
            await ledger.read("one", 1)
            assert client.script_exists(*names) == [True] * len(names)

    with valkey.client() as client:
        client.script_flush()
    play(valkey.url, scene)
