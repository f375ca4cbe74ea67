"""Clients of a rehearsal: places of their own on the network, that ask through the Ingress by TLS.

    crowd = Crowd([Client(station, ingress, authority.client_context()) for station in stations])
    async with crowd.beside(rate=60):
        …                                     # whatever happens meanwhile
    crowd.results                             # every request, in the order of its end

Requests, their ids and results are those of `chaos.load`: at a steady rate, over kept connections.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from chaos.load import KIB, Ends, Kind, Load, Mix, Result
from rehearsal.network import Station

MIX: Mix = (
    (Kind("GET"), 40),
    (Kind("GET", answer_bytes=16 * KIB), 15),
    (Kind("POST", KIB), 25),
    (Kind("PUT", KIB), 15),
    (Kind("GET", events=10), 5),
)
"""Bodies are small enough to be kept; a stream lasts a second."""


@dataclass(frozen=True, slots=True)
class Ingress:
    """Where clients ask: an address of the network, and the name that its certificate has."""

    address: str
    host: str
    context: ssl.SSLContext
    port: int = 443


class Client(Load):
    """One client: a station, with addresses and connections of its own."""

    def __init__(self, station: Station, ingress: Ingress, seed: int = 1) -> None:
        super().__init__(ingress.port, seed, ingress.host, MIX)
        self.station = station
        self._ingress = ingress

    async def open(self) -> Ends:
        """Connect to the Ingress by TLS."""
        return await self.station.connect(
            self._ingress.address,
            self._ingress.port,
            ssl=self._ingress.context,
            server_hostname=self._ingress.host,
            limit=1 << 20,
        )

    async def status(self, path: str, **headers: str) -> int:
        """Ask for a path with headers of one's own; return the status of the answer."""
        reader, writer = await self.open()
        try:
            lines = [f"GET {path} HTTP/1.1", f"Host: {self.host}", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            writer.write("\r\n".join([*lines, "", ""]).encode())
            line = await reader.readline()
        finally:
            writer.transport.abort()
        return int(line.split(b" ")[1])


class Crowd:
    """Several clients who ask at the same time."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self.clients = clients

    @property
    def results(self) -> list[Result]:
        """Every request, in the order of its end."""
        return sorted((e for client in self.clients for e in client.results), key=lambda e: e.ended)

    def forget(self) -> None:
        """Drop all results; connections are kept."""
        for client in self.clients:
            client.results.clear()

    @asynccontextmanager
    async def beside(self, rate: float) -> AsyncIterator[None]:
        """Send `rate` requests a second, of all clients together, as long as the block lasts."""
        async with AsyncExitStack() as stack:
            for client in self.clients:
                await stack.enter_async_context(client.beside(rate / len(self.clients)))
            yield

    async def close(self) -> None:
        """End the kept connections."""
        for client in self.clients:
            await client.close()
