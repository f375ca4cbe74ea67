"""What a provider has under way, and a gate before its answers."""

from __future__ import annotations

import asyncio
from pathlib import Path

from support.loops import LoopThread
from support.scripted_provider import Call, golden
from support.upstreams import Talk


class Flow:
    """Plays a scenario; `most` is how many calls were under way at once."""

    def __init__(self, thread: LoopThread, scenario: str, *, held: bool) -> None:
        self.most = 0
        self._now = 0
        self._thread = thread
        self._golden = golden(scenario)
        self._gate = asyncio.Event()
        if not held:
            self._gate.set()

    async def play(self, talk: Talk, call: Call, folder: Path) -> None:
        """Answer one call."""
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await self._gate.wait()
            await self._golden(talk, call, folder)
        finally:
            self._now -= 1

    def let_go(self) -> None:
        """Answer those that wait, and all that come."""
        self._thread.loop.call_soon_threadsafe(self._gate.set)
