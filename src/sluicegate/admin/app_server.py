"""Our own HTTP server with an application of our own behind it: the management port."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

from sluicegate.journey.run import answering, run
from sluicegate.metrics import Metrics
from sluicegate.settings import Gateway
from sluicegate.wire.deadlines import Deadlines
from sluicegate.wire.forwarded import TrustedProxies
from sluicegate.wire.http1.context import ServerContext
from sluicegate.wire.http1.server import ServerConnection
from sluicegate.wire.listener import Listener
from sluicegate.wire.tls import ServerTls

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from sluicegate.clock import Clock
    from sluicegate.exchange import Exchange
    from sluicegate.settings import ListenerTls


class AppServer:
    """An application of our own on a port of its own: the management port."""

    def __init__(self, context: ServerContext, listener: Listener) -> None:
        """Own what `serve_app` has started."""
        self._context = context
        self._listener = listener

    async def close(self) -> None:
        """Stop accepting, and end every connection."""
        self._listener.close()
        self._context.deadlines.stop()
        for connection in list(self._context.connections):
            connection.transport.abort()


async def serve_app(
    sock: socket.socket,
    handle: Callable[[Exchange], Awaitable[None]],
    clock: Clock,
    tls: ListenerTls | None = None,
) -> AppServer:
    """Serve `handle` over HTTP/1.1 on a bound socket, with the default bounds.

    Raises ConfigError for certificates that cannot be used.
    """
    deadlines = Deadlines(clock)
    gateway, nobody = Gateway(), TrustedProxies(())
    entry = answering(handle)
    context = ServerContext(
        gateway.http,
        clock,
        deadlines,
        Metrics(),
        lambda exchange: run(exchange, entry),
        asyncio.get_running_loop(),
        nobody,
    )
    context.slashes = True  # in names, in paths of the admin API
    context.snapshot = None  # type: ignore[assignment]  # the application does not look at it
    factory = functools.partial(ServerConnection, context)
    secure = None if tls is None else ServerTls(tls, "management.tls")
    listener = Listener(sock, factory, gateway, nobody, clock, secure)  # type: ignore[arg-type]  # as above
    context.describe = listener.describe
    deadlines.start()
    await listener.start()
    return AppServer(context, listener)
