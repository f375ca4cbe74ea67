"""The admin API on a port of its own, with everything behind it but the gateway.

with admin_server(tmp_path) as server:
    httpx.get(server.url + "/admin/v1/routes", headers=server.signed)
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

from sluicegate.admin.app_server import AppServer, serve_app
from sluicegate.admin.bridge import Bridge
from sluicegate.admin.front import Front
from sluicegate.admin.hosts import Hosts
from sluicegate.clock import Clock
from sluicegate.errors import NO_ROUTE
from sluicegate.exchange import Exchange
from support.admin import api
from support.admin_frame import FIRST
from support.loops import in_thread

FILE = """
services: {up: {targets: [http://127.0.0.1:9]}}
plans: {free: {}}
routes: {of-the-file: {match: {path: /file}, service: up}}
consumers: {ann: {}}
"""


class NoActuator:
    """Nothing but the admin API is asked for here."""

    async def handle(self, exchange: Exchange) -> None:
        exchange.refuse(NO_ROUTE)


class AdminServer:
    """A server of support.loops."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = AsyncExitStack()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.signed = {"authorization": f"Bearer {FIRST}"}
        self._server: AppServer

    async def start(self) -> None:
        ask = await self._stack.enter_async_context(api(self._folder, FILE))
        bridge = Bridge(ask.api)
        front = Front(cast("Any", NoActuator()), bridge, Hosts(f"127.0.0.1:{self.port}"))
        self._server = await serve_app(self._socket, front.handle, Clock())
        self._stack.push_async_callback(bridge.close)
        self._stack.push_async_callback(self._server.close)

    async def stop(self) -> None:
        await self._stack.aclose()
        self._socket.close()


@contextmanager
def admin_server(folder: Path) -> Iterator[AdminServer]:
    """Serve on a loop in a thread for as long as the block lasts."""
    with in_thread(AdminServer(folder)) as server:
        yield server
