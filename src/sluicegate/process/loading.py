"""Asks the loader process for the configuration."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sluicegate.errors import ConfigError, Fault
from sluicegate.process.child import Child, start_child
from sluicegate.process.messages import AnyMessage, Fetch, Loaded, Locate, Located, Unusable
from sluicegate.process.transfer import Inbox, unpack_settings

if TYPE_CHECKING:
    from sluicegate.clock import Clock, Timer
    from sluicegate.settings import Settings
    from sluicegate.snapshot.document import Resources

IDLE_S = 10.0
"""The loader stays for this long after its last use: reloads often come several in a row."""

MAX_LOAD_S = 60.0
"""For a file, or one that it refers to, on a network drive that hangs."""

LOCATE_S = 2.0
"""For finding lines; without an answer the faults go without them."""


class Configuration(NamedTuple):
    """A valid configuration, and the bytes of the file that it was read from."""

    settings: Settings
    resources: Resources
    source: bytes


class Loader:
    """Keeps a loader process while it is of use. One load at a time."""

    def __init__(self, path: Path, clock: Clock) -> None:
        """Start without a process."""
        self._path = path
        self._clock = clock
        self._lock = asyncio.Lock()
        self._child: Child | None = None
        self._reaping: set[asyncio.Task[int]] = set()
        self._timer: Timer | None = None
        self._number = 0
        self._inbox = Inbox()
        self._head: Loaded | None = None
        self._result: asyncio.Future[Configuration] | None = None
        self._located: asyncio.Future[list[Fault]] | None = None

    async def load(self) -> Configuration:
        """Read and check the file. Raises ConfigError that holds every fault."""
        async with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            if self._child is None or self._child.channel.closed.done():
                self._inbox = Inbox()
                self._child = await start_child(
                    "sluicegate.process.loader", [str(self._path)], [], self._on_message
                )
                self._reap(self._child)
            try:
                return await self._ask(self._child)
            finally:
                self._timer = self._clock.after(IDLE_S, self._dismiss)

    async def locate(self, faults: list[Fault]) -> list[Fault]:
        """Add lines of the file loaded last to faults that were found in it later."""
        async with self._lock:
            child = self._child
            if child is None or child.channel.closed.done():
                return faults
            self._located = asyncio.get_running_loop().create_future()
            child.send(Locate(faults))
            waiting: set[asyncio.Future[Any]] = {self._located, child.channel.closed}
            await asyncio.wait(waiting, timeout=LOCATE_S, return_when=asyncio.FIRST_COMPLETED)
            return self._located.result() if self._located.done() else faults

    async def close(self) -> None:
        """End the loader process and wait for that."""
        if self._timer is not None:
            self._timer.cancel()
        self._dismiss()
        await asyncio.gather(*self._reaping)

    async def _ask(self, child: Child) -> Configuration:
        self._number += 1
        self._result = asyncio.get_running_loop().create_future()
        child.send(Fetch(self._number))
        waiting: set[asyncio.Future[Any]] = {self._result, child.channel.closed}
        await asyncio.wait(waiting, timeout=MAX_LOAD_S, return_when=asyncio.FIRST_COMPLETED)
        if self._result.done():
            return self._result.result()
        self._child = None
        child.kill()
        how = "ended" if child.channel.closed.done() else f"was silent for {MAX_LOAD_S:g} s"
        raise ConfigError([Fault("", 0, f"the process that reads the file {how}")])

    def _on_message(self, message: AnyMessage) -> None:
        if isinstance(message, Located):
            if self._located is not None and not self._located.done():
                self._located.set_result(message.faults)
            return
        if self._result is None or self._result.done():
            return
        if isinstance(message, Unusable):
            self._result.set_exception(ConfigError(message.faults))
        elif isinstance(message, Loaded):
            self._head = message
        elif (resources := self._inbox.take(message)) is not None and self._head is not None:
            settings = unpack_settings(self._head.settings)
            self._result.set_result(Configuration(settings, resources, self._head.source))

    def _dismiss(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.channel.close()

    def _reap(self, child: Child) -> None:
        task = asyncio.create_task(child.ended())
        self._reaping.add(task)
        task.add_done_callback(self._reaping.discard)
