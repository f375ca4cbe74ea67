"""Lines of the archive for tests, and an archive that a test can fill or take away."""

from __future__ import annotations

from typing import Any

import msgspec

from sluicegate.errors import StateAway
from sluicegate.model.archive import ArchivedCall
from sluicegate.state.archive_in_memory import MemoryArchive
from support.mock_clock import EPOCH_US

DAY_US = 86_400_000_000


class ToggledArchive(MemoryArchive):
    """One that may be away."""

    def __init__(self, most_bytes: int = 1_000_000) -> None:
        super().__init__(most_bytes)
        self.away = False

    async def put(self, line: bytes) -> bool:
        self._look()
        return await super().put(line)

    async def read(self, most: int) -> list[tuple[str, bytes]]:
        self._look()
        return await super().read(most)

    async def calls(self) -> list[ArchivedCall]:
        """Return what waits."""
        lines = await self.read(1000)
        return [msgspec.msgpack.decode(line, type=ArchivedCall) for _, line in lines]

    def _look(self) -> None:
        if self.away:
            raise StateAway("away, says the test")


def archived(id_: str, **fields: Any) -> ArchivedCall:
    """Return a call of Ann's, kept for a day."""
    told: dict[str, Any] = {
        "at_us": EPOCH_US,
        "until_us": EPOCH_US + DAY_US,
        "consumer": "ann",
        "team": "blue",
        "route": "chat",
        "model": "gpt",
        "status": 200,
        "request": '{"messages":"what?"}',
        "answer": '{"content":"that"}',
    }
    return ArchivedCall(id=id_, **{**told, **fields})


def written(call: ArchivedCall) -> bytes:
    """Return a call as it travels."""
    return msgspec.msgpack.encode(call)
