"""Lines of the archive wait the same way in memory and on real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sluicegate.clock import Clock
from sluicegate.errors import StateAway
from sluicegate.state.archive import Archive
from sluicegate.state.archive_in_memory import MemoryArchive
from sluicegate.state.redis.archive import MOST_BATCH_BYTES, RedisArchive
from support.loops import run
from support.ports import free_port
from support.state_scenes import patient
from support.valkey import Valkey

MOST = 100
Scene = Callable[[Archive], Awaitable[None]]


@pytest.fixture(params=["memory", "valkey"])
def play(request: pytest.FixtureRequest) -> Callable[..., None]:
    url = request.getfixturevalue("valkey").url if request.param == "valkey" else ""

    def with_archive(scene: Scene, most: int = MOST) -> None:
        async def body() -> None:
            async with opened(url, most) as archive:
                await scene(archive)

        run(body())

    return with_archive


@asynccontextmanager
async def opened(url: str, most: int) -> AsyncIterator[Archive]:
    made: Any = MemoryArchive(most)
    if url:
        made = RedisArchive(patient(url), Clock(), most)
    try:
        yield made
    finally:
        made.close()


def test_lines_are_read_in_their_order_until_they_are_taken_away(play: Any) -> None:
    async def scene(archive: Archive) -> None:
        assert await archive.read(10) == []
        for line in (b"one", b"two\0\xff", b"three"):
            assert await archive.put(line)
        found = await archive.read(2)
        assert [line for _, line in found] == [b"one", b"two\0\xff"]
        assert await archive.read(2) == found
        await archive.remove([name for name, _ in found])
        assert [line for _, line in await archive.read(2)] == [b"three"]

    play(scene)


def test_what_finds_no_room_is_refused_until_there_is_some(play: Any) -> None:
    async def scene(archive: Archive) -> None:
        assert await archive.put(b"x" * 60)
        assert not await archive.put(b"x" * 41)
        assert await archive.put(b"x" * 40)
        [(name, _), _] = await archive.read(10)
        await archive.remove([name])
        assert not await archive.put(b"x" * 61)
        assert await archive.put(b"x" * 60)

    play(scene)


def test_taking_a_line_away_twice_changes_nothing(play: Any) -> None:
    async def scene(archive: Archive) -> None:
        await archive.put(b"x" * 60)
        await archive.put(b"y" * 40)
        [(name, _), (other, _)] = await archive.read(10)
        await archive.remove([name, name])
        await archive.remove([name])
        await archive.remove([])
        assert not await archive.put(b"x" * 61)
        await archive.remove([other])
        assert await archive.put(b"x" * 100)

    play(scene)


def test_a_read_is_bounded_in_bytes_and_makes_progress(valkey: Valkey) -> None:
    async def body() -> None:
        async with opened(valkey.url, 4 * MOST_BATCH_BYTES) as archive:
            for _ in range(3):
                assert await archive.put(b"x" * (MOST_BATCH_BYTES - 1))
            assert len(await archive.read(10)) == 2

    run(body())


def test_a_server_that_is_away_is_said_to_be(valkey: Valkey) -> None:
    assert valkey.url

    async def body() -> None:
        async with opened(f"redis://127.0.0.1:{free_port()}/0", MOST) as archive:
            with pytest.raises(StateAway):
                await archive.put(b"x")
            with pytest.raises(StateAway):
                await archive.read(1)

    run(body())


def test_a_count_that_was_lost_is_begun_anew(valkey: Valkey) -> None:
    async def body() -> None:
        async with opened(valkey.url, MOST) as archive:
            await archive.put(b"x" * 90)
            with valkey.client() as client:
                client.delete("sg:{archive}lines")
            assert await archive.put(b"x" * 90)

    run(body())
