"""The first admin token: a file that an operator or `sluicegate migrate` has made.

Only a digest of it stays in memory. The file is looked at again after 5 s, so that a token that was
replaced there holds soon, and one whose file is gone no longer.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from sluicegate.store.private_file import mode_of, open_to

if TYPE_CHECKING:
    from sluicegate.clock import Clock

EVERY_S: Final = 5.0
SHORTEST: Final = 32
"""Bytes. What is shorter could be guessed, and is no token."""
LONGEST: Final = 4096
NAME: Final = "first-token"
"""What the history calls whoever uses it. No stored token is called so."""


class TokenFile:
    """The token of a file; no token without one."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        """Read nothing before somebody signs in."""
        self._path = path
        self._clock = clock
        self._own = secrets.token_bytes(32)
        self._digest: bytes | None = None
        self._read_at = float("-inf")
        self._said: str | None = None

    async def matches(self, presented: str) -> bool:
        """Say whether this is the token."""
        if self._path is None:
            return False
        now = self._clock.monotonic()
        if now - self._read_at >= EVERY_S:
            self._digest = await asyncio.to_thread(self._read, self._path)
            self._read_at = now
        if self._digest is None:
            return False
        return hmac.compare_digest(self._digest, self._digested(presented.encode()))

    def _digested(self, token: bytes) -> bytes:
        return hmac.digest(self._own, token, "sha256")

    def _read(self, path: Path) -> bytes | None:
        try:
            with path.open("rb") as file:
                found = os.fstat(file.fileno())
                token = file.read(LONGEST).strip()
        except OSError as error:
            self._say("the admin token file cannot be read", reason=error.strerror)
            return None
        if len(token) < SHORTEST:
            self._say("the admin token file holds no token", shortest_bytes=SHORTEST)
            return None
        if open_to(found) != "nobody":
            event = "the admin token file is open to others"
            self._say(event, mode=mode_of(found), wanted="0600")
        else:
            self._said = None
        return self._digested(token)

    def _say(self, event: str, **fields: object) -> None:
        """Warn, once as long as it stays the same."""
        if self._said != event:
            self._said = event
            structlog.get_logger().warning(event, file=str(self._path), **fields)
