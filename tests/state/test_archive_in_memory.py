"""What every archive does is in `contracts/test_archives.py`."""

from __future__ import annotations

import asyncio

from sluicegate.state.archive_in_memory import MemoryArchive


def test_names_are_never_used_again() -> None:
    async def work() -> None:
        archive = MemoryArchive(10)
        await archive.put(b"a")
        [(first, _)] = await archive.read(1)
        await archive.remove([first])
        await archive.put(b"b")
        [(second, _)] = await archive.read(1)
        assert first != second
        await archive.remove([first])
        assert await archive.read(1)

    asyncio.run(work())
