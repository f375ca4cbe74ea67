"""Processes that a kubelet starts: they end with it, and what they used is known.

A process belongs to the thread that started it (PR_SET_PDEATHSIG): it is killed when that ends.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from support.processes import below

TICKS = os.sysconf("SC_CLK_TCK")
TOOLS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU-seconds used so far, and bytes of memory in use now (shared pages counted by share)."""

    cpu_s: float = 0.0
    memory_bytes: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.cpu_s + other.cpu_s, self.memory_bytes + other.memory_bytes)


class Process:
    """One started process. `returncode` is None while it runs, negative for a signal."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        output: IO[bytes],
    ) -> None:
        self.returncode: int | None = None
        self.cpu_s = 0.0
        """CPU-seconds of it and of all that it waited for; known once it has ended."""
        die_too = [tool("setpriv"), "--pdeathsig", "KILL", tool(argv[0]), *argv[1:]]
        self._popen = subprocess.Popen(
            die_too,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.pid = self._popen.pid
        self._handle = os.pidfd_open(self.pid)
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._loop.add_reader(self._handle, self._reap)

    async def wait(self) -> int:
        """Wait for its end; returns the exit status as a shell tells it: 128 + n for a signal."""
        await self._ended.wait()
        status = self.returncode or 0
        return 128 - status if status < 0 else status

    def kill(self) -> None:
        """SIGKILL it and everything below it."""
        if self.returncode is None:
            for pid in [self.pid, *below(self.pid)]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    async def gone(self) -> None:
        """Wait for its end even while cancelled, however often: for what was killed only.

        Left before that, the loop might close first, and nobody would ever reap it.
        """
        cancelled = False
        while self.returncode is None:
            try:
                await self._ended.wait()
            except asyncio.CancelledError:
                cancelled = True
        if cancelled:
            raise asyncio.CancelledError

    def _reap(self) -> None:
        self._loop.remove_reader(self._handle)
        os.close(self._handle)
        _, status, used = os.wait4(self.pid, 0)
        self.cpu_s = used.ru_utime + used.ru_stime
        self.returncode = self._popen.returncode = os.waitstatus_to_exitcode(status)
        self._ended.set()


def tool(name: str) -> str:
    """Return the path of a program of this machine. Raises `FileNotFoundError` by its name."""
    found = shutil.which(name, path=TOOLS)
    if found is None:
        raise FileNotFoundError(f"a rehearsal needs `{name}` (util-linux, iproute2, coreutils)")
    return found


def usage_of(pids: Sequence[int]) -> Usage:
    """Sum what living processes used, with what their dead children used."""
    return sum((_usage(pid) for pid in pids), Usage())


def _usage(pid: int) -> Usage:
    """Read /proc/PID/stat and smaps_rollup (proc(5)): utime, stime, cutime, cstime; Pss."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        cpu_s = sum(map(int, fields[11:15])) / TICKS
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return Usage()
    pss = next((line for line in rollup.splitlines() if line.startswith("Pss:")), "Pss: 0 kB")
    return Usage(cpu_s, int(pss.split()[1]) * 1024)
