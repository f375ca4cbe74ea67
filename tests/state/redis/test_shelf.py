from __future__ import annotations

import asyncio
import functools
import secrets
from pathlib import Path

import pytest

from sluicegate.errors import StateAway
from sluicegate.state.redis.shelf import MOST_BYTES, PIECE_BYTES, RedisShelf
from support import state_scenes
from support.ports import free_port
from support.valkey import PASSWORD, USER, Valkey, tls_server
from support.valkey_cluster import cluster

DAY_S = 86_400
LARGE = secrets.token_bytes(2 * PIECE_BYTES + 1)


play = functools.partial(state_scenes.play, RedisShelf, "sluicegate_shelf_calls_total")


@pytest.mark.parametrize("value", [b"", b"small", LARGE[:PIECE_BYTES], LARGE])
def test_what_was_put_is_there_whole(valkey: Valkey, value: bytes) -> None:
    async def scene(shelf: RedisShelf) -> None:
        assert await shelf.get("snapshot:eu") is None
        assert await shelf.put("snapshot:eu", value, 7, DAY_S)
        assert await shelf.get("snapshot:eu") == value
        assert await shelf.get("snapshot:us") is None

    assert play(valkey.url, scene)["away"] == 0


@pytest.mark.parametrize("name", ["a}b", "%", "", "ключ", "a{b"])
def test_a_name_may_be_any_text(valkey: Valkey, name: str) -> None:
    async def scene(shelf: RedisShelf) -> None:
        assert await shelf.put(name, b"value", 1, DAY_S)
        assert await shelf.get(name) == b"value"

    play(valkey.url, scene)


@pytest.mark.parametrize(("older", "newer"), [(9, 10), (2**53, 2**53 + 1), (0, 2**63 - 1)])
@pytest.mark.parametrize("value", [b"old", LARGE])
def test_what_is_newer_wins_whoever_comes_last(
    valkey: Valkey, older: int, newer: int, value: bytes
) -> None:
    async def scene(shelf: RedisShelf) -> None:
        assert await shelf.put("name", value, older, DAY_S)
        assert await shelf.put("name", b"new", newer, DAY_S)
        assert not await shelf.put("name", value, older, DAY_S)
        assert await shelf.get("name") == b"new"

    play(valkey.url, scene)


def test_what_is_as_new_is_put_again_only_late_in_its_life(valkey: Valkey) -> None:
    async def scene(shelf: RedisShelf) -> None:
        assert await shelf.put("name", b"first", 1, 100)
        assert not await shelf.put("name", b"second", 1, 100)
        with valkey.client() as client:
            client.pexpire("sg:{name}", 49_000)
        assert await shelf.put("name", b"third", 1, 100)
        assert await shelf.get("name") == b"third"

    play(valkey.url, scene)


def test_everything_has_a_life(valkey: Valkey) -> None:
    async def scene(shelf: RedisShelf) -> None:
        await shelf.put("small", b"value", 1, 100)
        await shelf.put("large", LARGE, 1, 100)
        await shelf.publish("arrivals", "1")

    play(valkey.url, scene)
    with valkey.client() as client:
        lives = {key: client.pttl(key) for key in client.keys("*")}
    assert len(lives) == 1 + 4 + 1
    assert all(0 < life <= 3_600_000 for life in lives.values())
    assert all(90_000 < life <= 100_000 for key, life in lives.items() if b"{news}" not in key)


def test_pieces_that_were_replaced_or_refused_are_soon_gone(valkey: Valkey) -> None:
    async def scene(shelf: RedisShelf) -> None:
        await shelf.put("name", LARGE, 1, DAY_S)
        await shelf.put("name", LARGE, 2, DAY_S)

    play(valkey.url, scene)
    with valkey.client() as client:
        soon = [key for key in client.keys("*") if client.pttl(key) <= 30_000]
        assert len(soon) == 3
        assert len(client.keys("*")) == 1 + 3 + 3


def test_a_value_that_lost_a_piece_is_not_there(valkey: Valkey) -> None:
    async def scene(shelf: RedisShelf) -> None:
        await shelf.put("name", LARGE, 1, DAY_S)
        with valkey.client() as client:
            client.delete(client.keys("sg:{name}:*:1")[0])
        assert await shelf.get("name") is None

    play(valkey.url, scene)


def test_a_reader_finds_a_whole_value_while_it_is_replaced(valkey: Valkey) -> None:
    values = [bytes([n]) * (PIECE_BYTES + 1 + n) for n in range(12)]

    async def scene(shelf: RedisShelf) -> None:
        await shelf.put("name", values[0], 0, DAY_S)

        async def write() -> None:
            for version, value in enumerate(values):
                await shelf.put("name", value, version, DAY_S)

        writing = asyncio.ensure_future(write())
        read = 0
        while not writing.done():
            assert await shelf.get("name") in values
            read += 1
        await writing
        assert read > 1
        assert await shelf.get("name") == values[-1]

    play(valkey.url, scene)


def test_the_largest_value_passes_and_a_larger_one_does_not(valkey: Valkey) -> None:
    largest = secrets.token_bytes(1024) * (MOST_BYTES // 1024)

    async def scene(shelf: RedisShelf) -> None:
        assert await shelf.put("name", largest, 1, DAY_S)
        assert await shelf.get("name") == largest
        with pytest.raises(ValueError, match="at most 16777216"):
            await shelf.put("name", largest + b"x", 2, DAY_S)

    play(valkey.url, scene)


def test_no_command_carries_more_than_a_piece(valkey: Valkey) -> None:
    async def scene(shelf: RedisShelf) -> None:
        with valkey.client() as client:
            client.config_resetstat()
            await shelf.put("name", LARGE * 4, 1, DAY_S)
            assert client.info("commandstats")["cmdstat_set"]["calls"] >= 8
            sizes = [client.strlen(key) for key in client.keys("sg:{name}:*")]
        assert max(sizes) == PIECE_BYTES

    play(valkey.url, scene)


def test_a_server_that_is_away_says_so() -> None:
    async def scene(shelf: RedisShelf) -> None:
        with pytest.raises(StateAway):
            await shelf.put("name", b"value", 1, DAY_S)
        with pytest.raises(StateAway):
            await shelf.get("name")
        with pytest.raises(StateAway):
            await shelf.publish("arrivals", "1")

    assert play(f"redis://127.0.0.1:{free_port()}", scene)["away"] == 3


def test_it_goes_on_when_the_server_is_back(tmp_path: Path) -> None:
    async def scene(shelf: RedisShelf) -> None:
        server.kill()
        with pytest.raises(StateAway):
            await shelf.get("name")
        server.start()
        while True:
            try:
                assert await shelf.put("name", b"value", 1, DAY_S)
            except StateAway:
                await asyncio.sleep(0.01)
            else:
                break

    with Valkey(tmp_path) as server:
        play(server.url, scene)


def test_the_rights_that_limits_need_are_enough_with_tls(tmp_path: Path) -> None:
    from sluicegate.settings import StateTls  # noqa: PLC0415 - of this test only

    async def scene(shelf: RedisShelf) -> None:
        heard: list[bytes] = []
        shelf.subscribe("arrivals", heard.append)
        assert await shelf.put("name", LARGE, 1, DAY_S)
        assert await shelf.get("name") == LARGE
        while b"1" not in heard:
            await shelf.publish("arrivals", "1")
            await asyncio.sleep(0.01)

    with tls_server(tmp_path) as server:
        tls = StateTls(ca=str(server.authority.ca))
        play(server.url, scene, tls=tls, username=USER, password=PASSWORD)


def test_a_cluster_keeps_values_on_all_of_its_nodes(tmp_path: Path) -> None:
    async def scene(shelf: RedisShelf) -> None:
        heard: list[bytes] = []
        shelf.subscribe("arrivals", heard.append)
        for n in range(8):
            assert await shelf.put(f"name-{n}", LARGE, 1, DAY_S)
            assert await shelf.get(f"name-{n}") == LARGE
        while b"1" not in heard:
            await shelf.publish("arrivals", "1")
            await asyncio.sleep(0.01)

    with cluster(tmp_path) as nodes:
        play(nodes.url, scene)
        with_keys = []
        for node in nodes.nodes:
            with node.client() as client:
                with_keys.append(client.dbsize() > 0)
    assert all(with_keys)
