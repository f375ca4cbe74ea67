"""What runs below a process, as /proc tells."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def below(pid: int) -> list[int]:
    """Return children of a process, oldest first, then theirs and so on (proc(5), `children`)."""
    found, waiting = [], [pid]
    while waiting:
        children: list[int] = []
        with suppress(OSError):  # it has ended
            for thread in sorted(Path(f"/proc/{waiting.pop(0)}/task").iterdir()):
                with suppress(OSError):
                    children += map(int, (thread / "children").read_text().split())
        found += children
        waiting += children
    return found
