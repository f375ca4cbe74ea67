"""Real applications to put behind the gateway: httpbin, nginx, a WebSocket echo, an SSE source."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import websockets.asyncio.server as websocket_server
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from support.ports import eventually, free_port, listens
from support.upstreams import Talk, Upstream


def debian_tool(name: str) -> str:
    """Return the path of an installed program; fails naming the script that installs it."""
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin")
    assert found, f"{name} is not installed: run scripts/install-debian.sh as root"
    return found


@contextmanager
def httpbin() -> Iterator[int]:
    """Run the httpbin application; yields its port."""
    import httpbin as application  # noqa: PLC0415 - slow, and only a few tests need it
    from werkzeug.serving import (  # noqa: PLC0415 - same
        ThreadedWSGIServer,
        WSGIRequestHandler,
    )

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - its name
            """Write nothing."""

    server = ThreadedWSGIServer("127.0.0.1", 0, application.app, handler=Quiet)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


@contextmanager
def nginx(folder: Path, server: str, *, head: str = "") -> Iterator[int]:
    """Run nginx in `folder` with the inside of one `server` block; yields its port.

    `head` goes into the `http` block.
    """
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "nginx.conf"
    configuration.write_text(f"""
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off; include /etc/nginx/mime.types;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  {head}
  server {{ listen 127.0.0.1:{port}; {server} }}
}}
""")
    process = subprocess.Popen(
        [debian_tool("nginx"), "-e", f"{folder}/error.log", "-p", folder, "-c", configuration],
        stdout=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: listens(port), f"nginx listens (see {folder}/error.log)")
        yield port
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def static_nginx(folder: Path, files: dict[str, bytes]) -> Iterator[int]:
    """Serve `files` (relative path to content) from an nginx; yields its port."""
    root = folder / "root"
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    with nginx(
        folder, f"root {root}; autoindex on; gzip on; gzip_proxied any; gzip_types text/plain;"
    ) as port:
        yield port


class WebSocketEcho:
    """Sends every message back; `closed` holds the code of each connection that ended."""

    def __init__(self) -> None:
        self.port = 0
        self.closed: list[int | None] = []
        self.paths: list[str] = []
        self._server: websocket_server.Server | None = None

    async def start(self) -> None:
        """Listen on a free port. Takes the subprotocol `echo`."""
        self._server = await websocket_server.serve(
            self._serve, "127.0.0.1", 0, select_subprotocol=_choose, max_size=None
        )
        self.port = int(next(iter(self._server.sockets)).getsockname()[1])

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, connection: websocket_server.ServerConnection) -> None:
        assert connection.request is not None
        self.paths.append(connection.request.path)
        with suppress(ConnectionClosed):
            async for message in connection:
                await connection.send(message)
        self.closed.append(connection.close_code)


def _choose(
    _: websocket_server.ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    return next((name for name in offered if name == "echo"), None)


class SseSource:
    """A source of server-sent events that sends one whenever `emit` is called.

    Every open stream gets every event. `streams` counts the open ones.
    """

    def __init__(self) -> None:
        self._upstream = Upstream(self._script)
        self._queues: set[asyncio.Queue[bytes | None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._upstream.port

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return len(self._queues)

    def emit(self, data: bytes | None) -> None:
        """Send an event with this data to every stream, or end them all (None). Any thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._emit, data)

    async def start(self) -> None:
        """Listen on a free port."""
        self._loop = asyncio.get_running_loop()
        await self._upstream.start()

    async def stop(self) -> None:
        """End every stream and stop listening."""
        await self._upstream.stop()

    def _emit(self, data: bytes | None) -> None:
        for queue in self._queues:
            queue.put_nowait(data)

    async def _script(self, talk: Talk) -> None:
        await talk.request()
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._queues.add(queue)
        gone = asyncio.ensure_future(talk.gone())
        gone.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            await talk.send(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                b"Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            while (data := await queue.get()) is not None:
                event = b"data: " + data + b"\n\n"
                await talk.send(b"%x\r\n%b\r\n" % (len(event), event))
            await talk.send(b"0\r\n\r\n")
        finally:
            self._queues.discard(queue)
            gone.cancel()
