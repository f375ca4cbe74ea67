"""A PostgreSQL outside the cluster, as a managed one is: a name, TLS, and roles of its own.

    async with Database(folder, network, authority) as database:
        await database.kill(); await database.start()

The server is that of `support.postgres`, whose build has no TLS: a relay in front of it answers
PostgreSQL's SSLRequest (protocol documentation, "SSL Session Encryption") and speaks TLS from then
on. Who does not ask for TLS is sent away. Two roles, as in docs/howto/store-in-postgresql.md.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
import struct
from pathlib import Path
from typing import Self

from rehearsal.network import Network
from rehearsal.relay import Relay, Streams
from support.certificates import Authority
from support.ports import free_port
from support.postgres import Postgres

HOST, PORT = "postgresql.example", 5432
NAME = "sluicegate"
OWNER, RUNNER = "sluicegate_owner", "sluicegate"
SSL_REQUEST = struct.pack("!II", 8, 80877103)
ROLES = """
CREATE ROLE {owner} LOGIN PASSWORD '{owner_password}';
CREATE ROLE {runner} LOGIN PASSWORD '{password}';
CREATE DATABASE {name} OWNER {owner};
"""
RIGHTS = """
ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {runner}
"""


class Database:
    """One server; its passwords are made up anew each time."""

    def __init__(self, folder: Path, network: Network, authority: Authority) -> None:
        self.owner_password, self.password = secrets.token_hex(16), secrets.token_hex(16)
        self.authority = authority.ca.read_text()
        self._server = Postgres(folder)
        self._network = network
        pair = authority.issue([HOST], stem="postgresql")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pair.certificate, pair.key)
        self._port = free_port()
        self._relay: Relay | None = None

    async def __aenter__(self) -> Self:
        """Start it, with the roles and an empty database."""
        await self.start()
        names = {
            "owner": OWNER, "runner": RUNNER, "name": NAME,
            "owner_password": self.owner_password, "password": self.password,
        }  # fmt: skip
        await asyncio.to_thread(self._server.execute, ROLES.format(**names))
        await asyncio.to_thread(self._server.execute, RIGHTS.format(**names), NAME)
        station = await self._network.expose(HOST, PORT, self._port)
        self._network.publish(HOST, [station.address])
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it."""
        await self._close()
        await asyncio.to_thread(self._server.stop)

    async def start(self) -> None:
        """Start it, again with what it had."""
        await asyncio.to_thread(self._server.start)
        sock = socket.create_server(("127.0.0.1", self._port))
        self._relay = Relay(sock, self._reach, self._greet)
        await self._relay.open()

    async def kill(self) -> None:
        """End all its processes by SIGKILL; nothing listens any more."""
        await asyncio.to_thread(self._server.kill)
        await self._close()

    async def execute(self, sql: str) -> list[list[str]]:
        """Run a statement as the superuser."""
        return await asyncio.to_thread(self._server.execute, sql, NAME)

    async def _close(self) -> None:
        if self._relay is not None:
            await self._relay.close()

    async def _reach(self) -> Streams:
        return await asyncio.open_connection("127.0.0.1", self._server.port)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak TLS from here on, as the client has to ask."""
        if await reader.readexactly(len(SSL_REQUEST)) != SSL_REQUEST:
            raise EOFError
        writer.write(b"S")
        await writer.drain()
        await writer.start_tls(self._context)
