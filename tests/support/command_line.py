"""The command line against a real admin API: over HTTP, on a store of its own in SQLite.

with administered(tmp_path, file="routes: …") as gateway:
    result = gateway.run("consumer", "list")
    gateway.said("key", "create", "--consumer", "acme", "--json")["key"]
"""

from __future__ import annotations

import json
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import structlog
from click import unstyle
from typer.testing import CliRunner, Result

from sluicegate import __version__
from sluicegate.admin.app_server import serve_app
from sluicegate.admin.bridge import Bridge
from sluicegate.cli import application
from sluicegate.clock import Clock
from sluicegate.exchange import Exchange
from sluicegate.store.contract import Author, Change
from support.admin import Asking, api
from support.loops import LoopThread
from support.ports import listening_socket

JSON = ((b"content-type", b"application/json"),)


class Administered:
    """An admin API and a command line that asks it as the first admin."""

    def __init__(self, port: int, token_file: Path, asking: Asking, thread: LoopThread) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.token_file = token_file
        self.asking = asking
        self._thread = thread

    def run(self, *arguments: object, stdin: str | bytes | None = None) -> Result:
        """Run a command in this process; as the program does, without building all others."""
        environ = {
            "SLUICEGATE_ADMIN_URL": self.url,
            "SLUICEGATE_ADMIN_TOKEN_FILE": str(self.token_file),
            "SLUICEGATE_ADMIN_TOKEN": None,
        }
        words = list(map(str, arguments))
        return CliRunner().invoke(application(words[0]), words, stdin, environ)

    def lines(self, *arguments: object) -> list[str]:
        """Run a command that succeeds; return the lines of its result."""
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return unstyle(result.stdout).splitlines()

    def said(self, *arguments: object) -> Any:
        """Run a command that succeeds with `--json`; return what it says."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def names(self, kind: str) -> list[str]:
        """Return the names of a kind, as its list has them."""
        return [item["name"] for item in self.said(kind, "list")["items"]]

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run `work` where the API runs."""
        return self._thread.call(work)

    async def store_team(self, name: str) -> None:
        """Store a team whatever the file declares, as before it was declared there."""
        change = Change("team", name, b"{}")
        await self.asking.desk.store.write([change], Author("tests", "127.0.0.1", "create"))

    def token(self, role: str, **spec: Any) -> str:
        """Make an admin token."""
        return str(self.call(self.asking.token(role, **spec)))


@contextmanager
def administered(folder: Path, file: str = "") -> Iterator[Administered]:
    """Serve an admin API on loopback, in a thread; `file` is what the gateway's file declares."""
    thread = LoopThread()
    stack = AsyncExitStack()
    folder.mkdir(parents=True, exist_ok=True)

    async def start() -> Administered:
        asking = await stack.enter_async_context(api(folder, file))
        bridge = Bridge(asking.api)

        async def handle(exchange: Exchange) -> None:
            if exchange.request.path == "/actuator/info":
                exchange.respond(200, JSON, msgspec.json.encode({"version": __version__}))
            else:
                await bridge.handle(exchange)

        sock = listening_socket()
        stack.callback(sock.close)
        server = await serve_app(sock, handle, Clock())
        stack.push_async_callback(server.close)
        return Administered(sock.getsockname()[1], folder / "first.token", asking, thread)

    with structlog.testing.capture_logs():  # the runner takes what this process prints
        try:
            yield thread.call(start())
        finally:
            thread.call(stack.aclose())
            thread.close()
