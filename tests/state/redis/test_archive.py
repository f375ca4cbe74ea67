"""What every archive does is in `contracts/test_archives.py`."""

from __future__ import annotations

from sluicegate.clock import Clock
from sluicegate.state.redis.archive import RedisArchive
from support.loops import run
from support.state_scenes import patient
from support.valkey import Valkey


def test_all_keys_are_under_one_tag_of_the_namespace(valkey: Valkey) -> None:
    async def work() -> None:
        archive = RedisArchive(patient(valkey.url, namespace="mine"), Clock(), 100)
        await archive.put(b"line")
        with valkey.client() as client:
            assert sorted(client.keys()) == [b"mine:{archive}bytes", b"mine:{archive}lines"]
            [(name, _)] = await archive.read(1)
            await archive.remove([name])
            assert client.keys() == []
        archive.close()

    run(work())
