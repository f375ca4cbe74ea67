"""Asks the management port of a pod, as one who is on the network: its metrics, its health."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import suppress
from typing import Any

from rehearsal.network import Station

PORT = 9090
NAME = "api-gateway-management"
ANSWER_S = 5.0


class Management:
    """Asks pods by their addresses; certificates are verified for the Service's name."""

    def __init__(self, station: Station, context: ssl.SSLContext) -> None:
        self._station = station
        self._context = context

    async def get(self, address: str, path: str) -> tuple[int, bytes]:
        """Return status and body of a page. Raises OSError, EOFError and TimeoutError."""
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await self._station.connect(
                address, PORT, ssl=self._context, server_hostname=NAME
            )
            try:
                head = f"GET {path} HTTP/1.1\r\nHost: {address}:{PORT}\r\nConnection: close\r\n\r\n"
                writer.write(head.encode())
                answer = await reader.read()
            finally:
                writer.close()
                with suppress(OSError, EOFError):
                    await writer.wait_closed()
        top, _, body = answer.partition(b"\r\n\r\n")
        if b"transfer-encoding: chunked" in top.lower():
            body = joined(body)
        return int(top.split(b" ", 2)[1]), body

    async def metrics(self, address: str) -> dict[str, float]:
        """Return every sample of a pod by name and labels; empty where it does not answer."""
        try:
            _, body = await self.get(address, "/actuator/prometheus")
        except (OSError, EOFError, TimeoutError):
            return {}
        lines = [e for e in body.decode().splitlines() if e and not e.startswith("#")]
        return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines)}

    async def health(self, address: str) -> dict[str, Any]:
        """Return what `/actuator/health` says of a pod; empty where it does not answer."""
        try:
            _, body = await self.get(address, "/actuator/health")
        except (OSError, EOFError, TimeoutError):
            return {}
        found: dict[str, Any] = json.loads(body)
        return found


def joined(body: bytes) -> bytes:
    """Return a chunked body without its framing."""
    found = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        found, body = found + rest[:length], rest[length + 2 :] if length else b""
    return found
