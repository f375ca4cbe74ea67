"""Processes under measurement: started on free ports, their processor time and memory read."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

DEBIAN = "scripts/install-debian.sh (as root)"
PYTHON = "pip install -e '.[dev]'"


class Missing(Exception):
    """A program is not here; the message says how to get it."""


def program(name: str, source: str) -> str:
    """Return the path of a program; raises Missing that names `source`."""
    beside = str(Path(sys.executable).parent)  # where the environment's own programs are
    found = shutil.which(name, path=f"{beside}:{os.environ['PATH']}:/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        raise Missing(f"{name}: {source}")
    return found


def free_port() -> int:
    """Return a loopback port that can be bound now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@dataclass
class Running:
    """A started server: its port, and the root of its process tree."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    beside: list[Running] = field(default_factory=list)
    """Valkeys that it asks; stopped with it, and not counted."""

    def tree(self) -> list[int]:
        """Return the ids of all its processes."""
        found = [self.process.pid]
        for pid in found:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                with suppress(OSError):
                    found += [int(child) for child in children.read_text().split()]
        return found

    def cpu_seconds(self) -> float:
        """Return user and system time of the tree, ended children included."""
        return sum(_cpu_seconds(pid) for pid in self.tree())

    def memory_mb(self) -> float:
        """Return the resident memory of the tree, in MB (10**6 bytes)."""
        return sum(memory_mb(pid) for pid in self.tree())

    def stop(self) -> None:
        """End it by SIGTERM; by SIGKILL after 10 s."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for other in self.beside:
            other.stop()


def start(
    command: list[str],
    port: int,
    folder: Path,
    environ: dict[str, str] | None = None,
    patience_s: float = 20,
) -> Running:
    """Start a server and wait until it listens; output goes to files in `folder`.

    Raises RuntimeError with the end of its standard error when it ends or stays silent.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=folder,
            env={**os.environ, **(environ or {})},
            process_group=0,
        )
    running = Running(process, port, folder)
    deadline = time.monotonic() + patience_s
    while not _listens(port):
        if process.poll() is not None or time.monotonic() > deadline:
            running.stop()
            raise RuntimeError(
                f"{command[0]} did not start:\n{(folder / 'err').read_text()[-2000:]}"
            )
        time.sleep(0.02)
    return running


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return float(sum(int(ticks) for ticks in fields[11:15])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Return the resident memory of one process in MB, 0 when it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
