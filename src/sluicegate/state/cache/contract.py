"""What a cache does. It never fails: what it does not have, or cannot get in time, is a miss."""

from __future__ import annotations

from typing import Final, Protocol

KEY_BYTES: Final = 32
"""A SHA-256."""
MOST_LIFE_S: Final = 30 * 86_400


class Cache(Protocol):
    """Values by key. A key has `KEY_BYTES` bytes; a value is not looked into."""

    async def start(self) -> None:
        """Connect; returns once that was tried, whether it worked or not. Never raises."""

    def close(self) -> None:
        """Let go of timers and connections."""

    async def get(self, key: bytes) -> bytes | None:
        """Return what is kept under a key; None where nothing is, or nobody answers in time."""

    def put(self, key: bytes, value: bytes, life_s: float) -> None:
        """Keep a value for so long at most. Waits for nothing, and may not work."""
