"""Lines of the archive that wait in the process, where the state is there too."""

from __future__ import annotations

from itertools import count, islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class MemoryArchive:
    """An `Archive` for one process."""

    def __init__(self, most_bytes: int) -> None:
        """Start empty."""
        self._most_bytes = most_bytes
        self._bytes = 0
        self._lines: dict[str, bytes] = {}
        self._names = count()

    def close(self) -> None:
        """Nothing is to be let go."""

    async def put(self, line: bytes) -> bool:
        """Let a line wait."""
        if self._bytes + len(line) > self._most_bytes:
            return False
        self._bytes += len(line)
        self._lines[str(next(self._names))] = line
        return True

    async def read(self, most: int) -> list[tuple[str, bytes]]:
        """Return the oldest lines."""
        return list(islice(self._lines.items(), most))

    async def remove(self, names: Sequence[str]) -> None:
        """Take lines away."""
        for name in names:
            self._bytes -= len(self._lines.pop(name, b""))
