"""Connections to one target of one worker: kept idle ones, a bound, and who waits for one.

What to do is decided without I/O: `take` answers at once with an idle connection, or None when one
must be made. The newest idle connection is used first, so that the others grow old and close.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections import deque
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from sluicegate.errors import ConnectFailed, ConnectTimeout, PoolFull
from sluicegate.wire.http1.client import ClientConnection
from sluicegate.wire.http1.names import ResponseNames

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.metrics import Cell
    from sluicegate.model.service import Pool as PoolConfig
    from sluicegate.model.service import UpstreamTls
    from sluicegate.upstream.contexts import ClientContexts
    from sluicegate.upstream.resolve import Resolver
    from sluicegate.wire.deadlines import Deadlines


PORTS: Final = {"http": 80, "https": 443}


class Pool:
    """The connections of one target. Owner of each `ClientConnection`."""

    def __init__(
        self,
        host: str,
        port: int,
        tls: tuple[Callable[[], ssl.SSLContext], str] | None,
        config: PoolConfig,
        resolver: Resolver,
        deadlines: Deadlines,
        open_count: Cell,
    ) -> None:
        """`tls` gives a context, and the name to verify; None is plain TCP."""
        self._host = host
        self._port = port
        self._tls = tls
        self._config = config
        self._resolver = resolver
        self._deadlines = deadlines
        self._names = ResponseNames()
        self._idle: list[ClientConnection] = []
        self._waiting: deque[asyncio.Future[ClientConnection | None]] = deque()
        self._count = open_count
        self._rotation = 0
        self.open = 0
        self.closed = False

    @classmethod
    def to(
        cls,
        url: str,
        tls: UpstreamTls,
        config: PoolConfig,
        contexts: ClientContexts,
        resolver: Resolver,
        deadlines: Deadlines,
        open_count: Cell,
    ) -> Pool:
        """Return the pool of a target's URL. Raises ConfigError for TLS files of no use."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        secured = None
        if parts.scheme == "https":
            contexts.of(tls)  # a file that cannot be used is found now
            secured = (functools.partial(contexts.of, tls), tls.server_name or host)
        port = parts.port or PORTS[parts.scheme]
        return cls(host, port, secured, config, resolver, deadlines, open_count)

    def take(self) -> ClientConnection | None:
        """Return an idle connection, or None when there is none."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if not connection.closed and not connection.transport.is_closing():
                return connection
        return None

    async def connect(self, timeout_s: float) -> ClientConnection:
        """Make a connection, or wait for one when the bound is reached.

        Raises ConnectFailed, ConnectTimeout (`timeout_s` seconds, 0 for none) or PoolFull.
        """
        dialling = False
        try:
            async with asyncio.timeout(timeout_s or None):
                while self.open >= self._config.max_connections:
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiting.append(waiter)
                    connection = await self._wait(waiter)
                    if connection is not None and not connection.closed:
                        return connection
                dialling = True
                return await self._dial()
        except TimeoutError:
            raise (ConnectTimeout if dialling else PoolFull) from None
        except (OSError, ssl.SSLError) as error:
            raise ConnectFailed(str(error)) from None

    def release(self, connection: ClientConnection) -> None:
        """Take back a connection: for who waits, or to be kept."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if self.closed or len(self._idle) >= self._config.max_idle:
            connection.close()
            return
        connection.deadline = self._deadlines.now + (self._config.idle_timeout or float("inf"))
        self._idle.append(connection)

    def lost(self, connection: ClientConnection) -> None:
        """Take notice that a connection is gone; let who waits make another."""
        self.open -= 1
        self._count.value -= 1
        if connection in self._idle:
            self._idle.remove(connection)
        self._wake()

    def close(self) -> None:
        """Close what is idle, and everything else as it comes back."""
        self.closed = True
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _wait(
        self, waiter: asyncio.Future[ClientConnection | None]
    ) -> ClientConnection | None:
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                connection = waiter.result()
                if connection is None:
                    self._wake()
                else:
                    self.release(connection)
            raise

    def _wake(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def _dial(self) -> ClientConnection:
        """Try the target's addresses in turn, each request starting with the next one."""
        self.open += 1
        self._count.value += 1
        made = False
        try:
            addresses = await self._resolver.addresses(
                self._host, self._config.dns_refresh or float("inf")
            )
            self._rotation += 1
            start = self._rotation % len(addresses)
            failure: Exception | None = None
            for address in [*addresses[start:], *addresses[:start]]:
                try:
                    connection = await self._open(address)
                except (OSError, ssl.SSLError) as error:
                    failure = error
                else:
                    made = True
                    return connection
            raise ConnectFailed(str(failure))
        finally:
            if not made:
                self.open -= 1
                self._count.value -= 1
                self._wake()

    async def _open(self, address: str) -> ClientConnection:
        loop = asyncio.get_running_loop()
        context, name = (self._tls[0](), self._tls[1]) if self._tls else (None, None)
        connection = ClientConnection(self, self._deadlines, self._names, loop)
        try:
            await loop.create_connection(  # type: ignore[type-var]  # a protocol by its methods
                lambda: connection, address, self._port, ssl=context, server_hostname=name
            )
        except asyncio.CancelledError:
            self._deadlines.forget(connection)  # uvloop closes it without a word to the protocol
            raise
        return connection
