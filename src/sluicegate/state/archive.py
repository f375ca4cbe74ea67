"""Where calls that are archived wait between a worker and management, which keeps them.

Each is one opaque line. They are bounded in bytes; what finds no room is refused, and counted by
who brought it. A line is taken away once it is in the store, so it may be read twice, never lost
there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from sluicegate.state.archive_in_memory import MemoryArchive
from sluicegate.state.redis.address import parse_address
from sluicegate.state.redis.archive import RedisArchive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.clock import Clock
    from sluicegate.settings import Settings

MOST_BYTES: Final = 64 * 1024 * 1024
"""Of all lines that wait: some thousand long conversations."""


class Archive(Protocol):
    """All but `close` raise StateAway where it cannot be done in time."""

    def close(self) -> None:
        """Let go of connections."""

    async def put(self, line: bytes) -> bool:
        """Let a line wait; False where there is no room."""

    async def read(self, most: int) -> list[tuple[str, bytes]]:
        """Return the oldest lines, each under a name for `remove`."""

    async def remove(self, names: Sequence[str]) -> None:
        """Take lines away that were read; those that are gone do no harm."""


def open_archive(settings: Settings, clock: Clock, workers: int) -> Archive | None:
    """Build it for one of so many `workers`; it connects at its first use.

    None where there is no store, or a memory that nobody else sees; with `memory://` who puts and
    who reads need the same object. Raises ConfigError where a file of `state.tls` cannot be used.
    """
    if not settings.store.exists:
        return None
    if parse_address(settings.state.url).kind == "memory":
        return MemoryArchive(MOST_BYTES) if workers == 1 else None
    return RedisArchive(settings.state, clock, MOST_BYTES)
