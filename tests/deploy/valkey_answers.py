"""What a Valkey or a Sentinel answers, asked without a program: looking on costs next to nothing.

    answer(place, 6379, "operator", ["ROLE"])  # ["master", "1234", …]

The protocol is RESP2 (https://valkey.io/topics/protocol).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from rehearsal.network import Station

LATE_S = 5.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is, what its certificate is for, and who signed that (None: no TLS)."""

    station: Station
    name: str
    password: str
    ca: Path | None


def answer(place: Place, port: int, user: str, command: Sequence[str]) -> Any:
    """Return the answer to `command`. None: nobody answers, or not in time."""
    try:
        with place.station.entered():
            sock = socket.socket()
        with sock:
            sock.settimeout(LATE_S)
            sock.connect((place.station.address, port))
            with _secured(sock, place) as wire, wire.makefile("rwb") as file:
                for words in (["AUTH", user, place.password], command):
                    file.write(_asked(words))
                file.flush()
                _read(file)
                return _read(file)
    except OSError:
        return None


def _secured(sock: socket.socket, place: Place) -> socket.socket:
    if place.ca is None:
        return sock
    context = ssl.create_default_context(cafile=str(place.ca))
    return context.wrap_socket(sock, server_hostname=place.name)


def _asked(words: Sequence[str]) -> bytes:
    parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    return f"*{len(parts)}\r\n{''.join(parts)}".encode()


def _read(file: BinaryIO) -> Any:
    """Read one answer: an error and a number are text, too."""
    line = file.readline().decode()
    if not line.endswith("\n"):
        raise ConnectionError("it has hung up")
    kind, rest = line[0], line[1:].strip()
    if kind == "$":
        return None if rest == "-1" else file.read(int(rest) + 2)[:-2].decode()
    if kind == "*":
        return [_read(file) for _ in range(int(rest))]
    return rest
