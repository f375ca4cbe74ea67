from __future__ import annotations

import asyncio
import functools
import os
import resource
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from sluicegate.model.units import Duration
from sluicegate.settings import Certificate, Gateway, Http, ListenerTls
from sluicegate.wire.forwarded import TrustedProxies
from sluicegate.wire.listener import BURST, Listener
from sluicegate.wire.proxy_protocol import SIGNATURE, Header, parse
from sluicegate.wire.tls import ServerTls
from support.certificates import Authority
from support.loops import run
from support.mock_clock import MockClock
from support.ports import listening_socket

if TYPE_CHECKING:
    from sluicegate.exchange import Client

V1 = b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n"
V2 = SIGNATURE + struct.pack("!BBH4s4sHH", 0x21, 0x11, 12, bytes(4), b"\x01\x01\x01\x01", 9, 443)


class Port:
    """A listener and what its connections saw."""

    def __init__(self, trusted: tuple[str, ...] = (), **fields: Any) -> None:
        self.clock = MockClock()
        self.socket = listening_socket()
        self.address = self.socket.getsockname()
        self.trusted = TrustedProxies(trusted)
        self.clients: list[Client] = []
        self.nodelay: list[int] = []
        http = Http(header_timeout=Duration(10))
        tls = fields.pop("tls", None)
        self.listener = Listener(
            self.socket,
            functools.partial(Echo, self),
            Gateway(http=http, trusted_proxies=list(trusted), **fields),
            self.trusted,
            self.clock,
            tls,
        )
        self.describe = self.listener.describe


class Echo(asyncio.Protocol):
    def __init__(self, port: Port) -> None:
        self.port = port

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.port.clients.append(self.port.describe(transport))
        raw = transport.get_extra_info("socket")
        self.port.nodelay.append(raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


@asynccontextmanager
async def listening(*trusted: str, **fields: Any) -> AsyncIterator[Port]:
    port = Port(trusted, **fields)
    await port.listener.start()
    try:
        yield port
    finally:
        port.listener.close()
        port.socket.close()
        await asyncio.sleep(0)


async def ask(port: Port, data: bytes, expected: bytes | None = None, **tls: Any) -> bytes:
    """Send `data`; return what comes back, as much as was expected or all until the end."""
    reader, writer = await asyncio.open_connection(*port.address, **tls)
    try:
        if data:
            writer.write(data)
        with suppress(ConnectionError):
            if expected is None:
                return await reader.read()
            return await reader.readexactly(len(expected))
        return b""
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until something has happened on it; `run` bounds the time."""
    while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
        await asyncio.sleep(0.001)


def test_a_plain_connection_is_described_by_its_socket() -> None:
    async def scenario() -> None:
        async with listening("127.0.0.0/8") as port:
            assert await ask(port, b"hello", b"hello") == b"hello"
            (client,) = port.clients
            assert (client.peer, client.scheme, client.server_port) == (
                "127.0.0.1",
                "http",
                port.address[1],
            )
            assert client.port > 0
            assert client.trusted
            assert client.certificate is None

    run(scenario())


def test_nobody_is_trusted_unless_told() -> None:
    async def scenario() -> None:
        async with listening() as port:
            await ask(port, b"hello", b"hello")
            assert not port.clients[0].trusted

    run(scenario())


def test_a_mapped_ipv4_peer_is_described_as_ipv4() -> None:
    class Transport(asyncio.BaseTransport):
        def get_extra_info(self, name: str, default: object = None) -> object:
            return {"peername": ("::ffff:10.0.0.1", 5, 0, 0)}.get(name, default)

    async def scenario() -> None:
        async with listening("10.0.0.0/8") as port:
            client = port.listener.describe(Transport())
            assert (client.peer, client.trusted) == ("10.0.0.1", True)

    run(scenario())


def test_a_peer_that_is_gone_already_is_described_all_the_same() -> None:
    async def scenario() -> None:
        async with listening() as port:
            assert port.listener.describe(asyncio.BaseTransport()).peer == "0.0.0.0"

    run(scenario())


def test_small_writes_are_not_delayed() -> None:
    async def scenario() -> None:
        async with listening("127.0.0.1") as port:
            await ask(port, b"x", b"x")
        async with listening("127.0.0.1", proxy_protocol=True) as proxied:
            await ask(proxied, V1 + b"x", b"x")
        assert port.nodelay == [1]
        assert proxied.nodelay == [1]

    run(scenario())


# --- stopping ----------------------------------------


@pytest.mark.parametrize("proxied", [False, True])
def test_after_stopping_open_connections_live_and_new_ones_wait_for_the_next_listener(
    *, proxied: bool
) -> None:
    hello = V1 if proxied else b""

    async def scenario() -> None:
        async with listening("127.0.0.1", proxy_protocol=proxied) as port:
            reader, writer = await asyncio.open_connection(*port.address)
            writer.write(hello + b"one")
            assert await reader.readexactly(3) == b"one"
            port.listener.stop_accepting()
            port.listener.stop_accepting()
            late = asyncio.create_task(ask(port, hello + b"late", b"late"))
            writer.write(b"two")
            assert await reader.readexactly(3) == b"two"
            assert len(port.clients) == 1
            assert not late.done()
            successor = Listener(
                port.socket,
                functools.partial(Echo, port),
                Gateway(proxy_protocol=proxied),
                TrustedProxies(["127.0.0.1"]),
                port.clock,
            )
            port.listener = successor
            await successor.start()
            assert await late == b"late"
            writer.close()

    run(scenario())


def test_a_queue_longer_than_one_turn_takes_is_accepted_in_several() -> None:
    count = BURST + 20

    async def scenario() -> None:
        async with listening("127.0.0.1", proxy_protocol=True) as port:
            waiting = [socket.create_connection(port.address) for _ in range(count)]
            for each in waiting:
                each.sendall(V1)
            await until(lambda: len(port.clients) == count)
            for each in waiting:
                each.close()

    run(scenario())


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    """Lower the bound on open files to what is open, and fill the gaps."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    top = max(int(each.name) for each in Path("/proc/self/fd").iterdir())
    fill: list[int] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (top + 1, hard))
        with suppress(OSError):
            while True:
                fill.append(os.dup(0))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for each in fill:
            os.close(each)


def test_out_of_descriptors_it_looks_away_and_accepts_later() -> None:
    async def scenario() -> None:
        async with listening("127.0.0.1", proxy_protocol=True) as port:
            peer = socket.socket()
            with no_descriptors_left(), capture_logs() as logs:
                peer.connect(port.address)
                peer.sendall(V1)
                for _ in range(20):
                    await asyncio.sleep(0)
                port.clock.advance(1.0)
                for _ in range(20):
                    await asyncio.sleep(0)
            assert [line["event"] for line in logs] == ["accept_failed"] * 2
            assert port.clients == []
            port.clock.advance(1.0)
            await until(lambda: port.clients)
            peer.close()

    run(scenario())


# --- TLS ----------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def server_tls(authority: Authority, **fields: Any) -> ServerTls:
    pair = authority.issue()
    files = Certificate(certificate=str(pair.certificate), key=str(pair.key))
    return ServerTls(ListenerTls(certificates=[files], **fields))


@pytest.mark.parametrize("proxied", [False, True])
def test_a_tls_connection_is_described_with_its_certificate(
    authority: Authority, *, proxied: bool
) -> None:
    pair = authority.issue()
    der = ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())

    async def scenario() -> None:
        tls = server_tls(authority, client_ca=str(authority.ca))
        async with listening("127.0.0.1", proxy_protocol=proxied, tls=tls) as port:
            for shown in (pair, None):
                raw = socket.create_connection(port.address)
                if proxied:
                    raw.sendall(V1)
                raw.setblocking(False)
                context = authority.client_context(shown)
                reader, writer = await asyncio.open_connection(
                    sock=raw, ssl=context, server_hostname="localhost"
                )
                writer.write(b"hello")
                assert await reader.readexactly(5) == b"hello"
                writer.close()
                await writer.wait_closed()
            peer = "203.0.113.7" if proxied else "127.0.0.1"
            assert [(c.scheme, c.peer, c.certificate) for c in port.clients] == [
                ("https", peer, der),
                ("https", peer, None),
            ]

    run(scenario())


def test_a_handshake_that_fails_leaves_nothing_behind(authority: Authority) -> None:
    async def scenario() -> None:
        tls = server_tls(authority)
        async with listening("127.0.0.1", proxy_protocol=True, tls=tls) as port:
            answer = await ask(port, V1 + b"GET / HTTP/1.1\r\n\r\n")
            assert b"HTTP" not in answer
            await until(lambda: not port.listener._tasks)
            assert port.clients == []
            assert port.trusted.introduced == {}

    run(scenario())


# --- PROXY protocol ----------------------------------------


def test_the_header_tells_who_the_client_is_and_is_consumed_exactly() -> None:
    async def scenario() -> None:
        async with listening("127.0.0.1", proxy_protocol=True) as port:
            assert await ask(port, V1 + b"hello", b"hello") == b"hello"
            assert await ask(port, V2 + b"hello", b"hello") == b"hello"
            first, second = port.clients
            assert (first.peer, first.port, first.server_port) == ("203.0.113.7", 4711, 443)
            assert (second.peer, second.port, second.server_port) == ("0.0.0.0", 9, 443)
            assert not first.trusted

    run(scenario())


def test_any_listener_of_a_worker_knows_what_headers_have_said() -> None:
    async def scenario() -> None:
        async with listening("127.0.0.1", proxy_protocol=True) as port:
            gateway = Gateway(proxy_protocol=True)
            sibling = Listener(
                port.socket, functools.partial(Echo, port), gateway, port.trusted, port.clock
            )
            port.describe = sibling.describe
            await ask(port, V1 + b"hello", b"hello")
            assert port.clients[0].peer == "203.0.113.7"
            sibling.close()

    run(scenario())


def test_who_was_not_introduced_is_not_trusted() -> None:
    class Transport(asyncio.BaseTransport):
        def get_extra_info(self, name: str, default: object = None) -> object:
            return {"peername": ("127.0.0.1", 5)}.get(name, default)

    async def scenario() -> None:
        async with listening("127.0.0.1", proxy_protocol=True) as port:
            assert not port.listener.describe(Transport()).trusted

    run(scenario())


def test_a_header_for_the_proxys_own_checks_leaves_the_sockets_address() -> None:
    async def scenario() -> None:
        async with listening("127.0.0.1", proxy_protocol=True) as port:
            assert await ask(port, b"PROXY UNKNOWN\r\nhello", b"hello") == b"hello"
            assert (port.clients[0].peer, port.clients[0].trusted) == ("127.0.0.1", True)

    run(scenario())


@pytest.mark.parametrize("header", [V1, V2])
def test_a_header_may_come_byte_by_byte(header: bytes) -> None:
    async def scenario() -> None:
        async with listening("127.0.0.1", proxy_protocol=True) as port:
            reader, writer = await asyncio.open_connection(*port.address)
            await until(lambda: port.listener._greetings)
            (greeting,) = port.listener._greetings
            for at in range(len(header) - 1):
                writer.write(header[at : at + 1])
                await until(lambda at=at: len(greeting._seen) == at + 1)
            writer.write(header[-1:] + b"hello")
            assert await reader.readexactly(5) == b"hello"
            writer.close()

    run(scenario())


def test_an_unfinished_header_costs_nothing_while_it_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parsed: list[bytes] = []

    def counting(buffer: bytes) -> Header | None:
        parsed.append(buffer)
        return parse(buffer)

    monkeypatch.setattr("sluicegate.wire.listener.parse", counting)

    async def scenario() -> None:
        async with listening("127.0.0.1", proxy_protocol=True) as port:
            _, writer = await asyncio.open_connection(*port.address)
            writer.write(V1[:10])
            await until(lambda: parsed)
            for _ in range(50):
                await asyncio.sleep(0)
            assert parsed == [V1[:10]]
            writer.close()

    run(scenario())


def test_who_is_not_trusted_is_not_listened_to() -> None:
    async def scenario() -> None:
        with capture_logs() as logs:
            async with listening("10.0.0.0/8", proxy_protocol=True) as port:
                assert await ask(port, V1 + b"hello") == b""
                assert await ask(port, V1 + b"hello") == b""
                port.clock.advance(1.0)
                assert await ask(port, V1 + b"hello") == b""
                assert port.clients == []
        assert [(line["event"], line["peer"], line["unsaid"]) for line in logs] == [
            ("connection_refused", "127.0.0.1", 0),
            ("connection_refused", "127.0.0.1", 1),
        ]

    run(scenario())


def test_what_is_no_header_ends_the_connection() -> None:
    async def scenario() -> None:
        async with listening("127.0.0.1", proxy_protocol=True) as port:
            assert await ask(port, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n") == b""
            assert port.clients == []

    run(scenario())


def test_a_header_that_does_not_come_in_time_ends_the_connection() -> None:
    async def scenario() -> None:
        async with listening("127.0.0.1", proxy_protocol=True) as port:
            silent = asyncio.create_task(ask(port, b""))
            slow = asyncio.create_task(ask(port, V1[:20]))
            await until(lambda: len(port.listener._greetings) == 2)
            port.clock.advance(9.9)
            assert len(port.listener._greetings) == 2
            port.clock.advance(0.1)
            assert await silent == await slow == b""
            assert port.listener._greetings == set()
            assert port.clients == []

    run(scenario())


def test_a_peer_that_only_connects_is_no_event() -> None:
    async def scenario() -> None:
        with capture_logs() as logs:
            async with listening("127.0.0.1", proxy_protocol=True) as port:
                _, writer = await asyncio.open_connection(*port.address)
                await until(lambda: port.listener._greetings)
                writer.close()
                await until(lambda: not port.listener._greetings)
        assert logs == []

    run(scenario())


def test_a_connection_that_nobody_came_to_serve_is_closed() -> None:
    def stillborn(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(work, loop=loop, **more)
        task.cancel()
        return task

    async def scenario() -> None:
        async with listening("127.0.0.1", proxy_protocol=True) as port:
            reader, writer = await asyncio.open_connection(*port.address[:2])
            loop = asyncio.get_running_loop()
            loop.set_task_factory(stillborn)
            writer.write(V1)
            assert await reader.read() == b""
            loop.set_task_factory(None)
            writer.close()
            await writer.wait_closed()

    run(scenario())
