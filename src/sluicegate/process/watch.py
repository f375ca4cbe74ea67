"""Notices that the configuration file, or a certificate, has changed.

Polls: inotify sees neither network file systems nor all of the ways in which Kubernetes swaps the
symlinks of a ConfigMap. A look is one `stat` per file; contents are read when that has changed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluicegate.clock import Clock

SETTLE_S = 0.2
"""A file that was changed is read once it has stood still for this long: half of a file that is
being written may be valid YAML with half of the routes."""

Look = tuple[tuple[str, int, int, int] | None, ...]


def look(paths: Iterable[Path]) -> Look:
    """Return target, inode, size and time of change of each file; None for one that is not there.

    The target is where symlinks lead, so that swapping one to an equal file is seen as well.
    """
    return tuple(_look(path) for path in paths)


def _look(path: Path) -> tuple[str, int, int, int] | None:
    try:
        found = path.stat()
        return str(path.resolve()), found.st_ino, found.st_size, found.st_mtime_ns
    except OSError:
        return None


def digest(paths: Iterable[Path]) -> bytes | None:
    """Return a hash over the contents, None while a file cannot be read (in mid-swap)."""
    whole = hashlib.sha256()
    for path in paths:
        try:
            whole.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError:
            return None
    return whole.digest()


class Watch:
    """Remembers how files looked."""

    def __init__(self, paths: list[Path], clock: Clock, poll_s: float) -> None:
        """Take the files as they are now for known."""
        self._paths = paths
        self._clock = clock
        self._poll_s = poll_s
        self.accept()

    def accept(self) -> None:
        """Take the files as they are now for known: they are about to be loaded."""
        self._known = look(self._paths)
        self._content = digest(self._paths)

    async def changed(self) -> None:
        """Return once contents have changed and the files stand still."""
        while True:
            await self._clock.sleep(self._poll_s)
            seen = look(self._paths)
            if seen == self._known or not await self._settled(seen):
                continue
            content = await asyncio.to_thread(digest, self._paths)
            if content is None:
                continue
            self._known = seen
            if content != self._content:
                self._content = content
                return

    async def _settled(self, seen: Look) -> bool:
        await self._clock.sleep(SETTLE_S)
        return look(self._paths) == seen
