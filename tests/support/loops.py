"""Event loops for tests: uvloop with a bound on time, and a loop in a thread."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import uvloop

Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result], *, within_s: float = 80) -> Result:
    """Run `work` on a new uvloop, as the gateway does; raises TimeoutError past `within_s`."""

    async def bounded() -> Result:
        return await asyncio.wait_for(work, within_s)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(bounded())
        except BaseException:
            # What the failed work has left open would be an error in uvloop's close, and hang it.
            warnings.simplefilter("ignore", ResourceWarning)
            raise


class Server(Protocol):
    """Something that is started and stopped on a loop."""

    async def start(self) -> None:
        """Listen."""

    async def stop(self) -> None:
        """Close everything."""


Started = TypeVar("Started", bound=Server)


class LoopThread:
    """A loop that runs in a thread of its own, for servers beside a test that is not async."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, Result], within_s: float = 80) -> Result:
        """Run `work` there and wait for it, so long at most."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(within_s)

    def close(self) -> None:
        """Cancel what still runs there, then end the thread."""
        self.call(self._cancel_rest())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    async def _cancel_rest(self) -> None:
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await self.loop.shutdown_asyncgens()


@contextmanager
def in_thread(server: Started) -> Iterator[Started]:
    """Run `server` on a loop in a thread for as long as the block lasts."""
    thread = LoopThread()
    try:
        thread.call(server.start())
        try:
            yield server
        finally:
            thread.call(server.stop())
    finally:
        thread.close()
