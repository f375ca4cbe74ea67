"""Lines of the archive that wait in Redis or Valkey, on connections of their own.

    <namespace>:{archive}lines     a stream, one field per line
    <namespace>:{archive}bytes     how many bytes they are

As on the shelf, a line may be large, and nobody's request waits for it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from sluicegate.state.redis.commands import call, number
from sluicegate.state.redis.patient import open_patient
from sluicegate.state.redis.resp import bulk
from sluicegate.state.redis.scripts import script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.clock import Clock
    from sluicegate.settings import State
    from sluicegate.state.redis.scripts import Script

TAG: Final = b"archive"
NAME: Final = "sluicegate-archive"
MOST_BATCH_BYTES: Final = 8 * 1024 * 1024
"""Of one read: a server is held for some milliseconds by it."""


class RedisArchive:
    """An `Archive`. It connects at its first use: most gateways archive nothing."""

    def __init__(self, settings: State, clock: Clock, most_bytes: int) -> None:
        """Take `state` settings; nothing is connected yet. Raises ConfigError for files of TLS."""
        self._nodes, self._caller = open_patient(settings, clock, NAME)
        before = f"{settings.namespace}:{{archive}}".encode()
        self._keys = [before + b"lines", before + b"bytes"]
        self._most_bytes = most_bytes
        self._put = script("archive_put")
        self._read = script("archive_read")
        self._remove = script("archive_remove")
        self._starting: asyncio.Task[None] | None = None

    def close(self) -> None:
        """Let go of timers and connections."""
        if self._starting is not None:
            self._starting.cancel()
        self._nodes.close()

    async def put(self, line: bytes) -> bool:
        """Let a line wait; False where there is no room. Raises StateAway."""
        written = call(self._put, self._keys, [number(self._most_bytes), bulk(line)])
        kept: int = await self._call(written, self._put)
        return kept == 1

    async def read(self, most: int) -> list[tuple[str, bytes]]:
        """Return the oldest lines, at least one where there is any. Raises StateAway."""
        limits = [number(most), number(MOST_BATCH_BYTES)]
        found = await self._call(call(self._read, self._keys, limits), self._read)
        return [(bytes(name).decode(), bytes(line)) for name, line in zip(*[iter(found)] * 2)]  # noqa: B905 - pairs

    async def remove(self, names: Sequence[str]) -> None:
        """Take lines away. Raises StateAway."""
        if names:
            arguments = [bulk(name.encode()) for name in names]
            await self._call(call(self._remove, self._keys, arguments), self._remove)

    async def _call(self, written: bytes, used: Script) -> Any:  # noqa: ANN401 - what it replies
        if self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self._nodes.start())
        if not self._starting.done():
            await asyncio.shield(self._starting)
        return await self._caller.call(TAG, written, used)
