"""Stations reach each other by address and by name, and nothing of them is left behind."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.namespaces import entered
from rehearsal.network import Network, Station, configure
from rehearsal.relay import Streams
from support.loops import run

ADDRESSES = """\
import socket
print(*sorted({each[4][0] for each in socket.getaddrinfo("valkey", 80)}))
"""
ADDRESSES_WHEN_ASKED = """\
import socket, sys
for name in sys.stdin:
    try:
        print(socket.gethostbyname(name.strip()), flush=True)
    except socket.gaierror:
        print("unknown", flush=True)
"""


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.readline()).upper())
    await writer.drain()
    writer.close()


async def serve(station: Station, host: str = "0.0.0.0") -> asyncio.Server:
    with station.entered():
        sock = socket.create_server((host, 7000))
    return await asyncio.start_server(echo, sock=sock)


async def asked(streams: Streams) -> bytes:
    reader, writer = streams
    writer.write(b"hello\n")
    answer = await reader.readline()
    writer.close()
    return answer


def said(argv: list[str]) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=20).stdout


def test_stations_reach_each_other_by_address_and_by_name(tmp_path: Path) -> None:
    async def meet() -> None:
        async with Network(tmp_path) as network:
            server, client = await network.attach("server"), await network.attach("client")
            network.publish("echo.default.svc", [server.address])
            async with await serve(server):
                assert await asked(await client.connect(server.address, 7000)) == b"HELLO\n"
                assert await asked(await client.connect("echo.default.svc", 7000)) == b"HELLO\n"
            with pytest.raises(ConnectionRefusedError):
                await client.connect(server.address, 7000)
            with pytest.raises(socket.gaierror):
                await client.connect("nobody", 7000)

    run(meet())


def test_a_program_finds_every_address_of_a_name_as_soon_as_it_is_published(tmp_path: Path) -> None:
    async def look() -> None:
        async with Network(tmp_path) as network:
            station = await network.attach("client")
            ask = station.command([sys.executable, "-c", ADDRESSES])
            network.publish("valkey", ["10.244.0.8", "10.244.0.9"])
            assert await asyncio.to_thread(said, ask) == "10.244.0.8 10.244.0.9\n"
            network.publish("valkey", ["10.244.0.9"])
            assert await asyncio.to_thread(said, ask) == "10.244.0.9\n"
            network.publish("valkey", [])
            with pytest.raises(subprocess.CalledProcessError) as unknown:
                await asyncio.to_thread(said, ask)
            assert "Name or service not known" in unknown.value.stderr

    run(look())


def test_a_program_that_runs_already_sees_a_name_change(tmp_path: Path) -> None:
    async def look() -> None:
        async with Network(tmp_path) as network:
            station = await network.attach("client")
            command = station.command([sys.executable, "-c", ADDRESSES_WHEN_ASKED])
            pipe = asyncio.subprocess.PIPE
            program = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
            assert program.stdin is not None
            assert program.stdout is not None
            for addresses in ([], ["10.244.0.8"], ["10.244.0.9"], []):
                network.publish("valkey", addresses)
                program.stdin.write(b"valkey\n")
                found = (await program.stdout.readline()).decode().strip()
                assert found == (addresses[0] if addresses else "unknown")
            program.stdin.close()
            assert await program.wait() == 0

    run(look())


def test_a_server_on_loopback_of_a_station_is_reached_by_a_forwarded_port(tmp_path: Path) -> None:
    async def reach() -> None:
        async with Network(tmp_path) as network:
            station = await network.attach("pod")
            async with await serve(station, "127.0.0.1"):
                port = await station.forward(7000)
                streams = await asyncio.open_connection("127.0.0.1", port)
                assert await asked(streams) == b"HELLO\n"

    run(reach())


def test_a_server_of_this_process_is_exposed_under_a_name(tmp_path: Path) -> None:
    async def reach() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        outside = server.sockets[0].getsockname()[1]
        async with server, Network(tmp_path) as network:
            database = await network.expose("database", 5432, outside)
            client = await network.attach("client")
            assert await asked(await client.connect(database.address, 5432)) == b"HELLO\n"

    run(reach())


def test_a_station_answers_at_a_second_address_until_it_is_detached(tmp_path: Path) -> None:
    async def reach() -> None:
        async with Network(tmp_path) as network:
            proxy, client = await network.attach("proxy"), await network.attach("client")
            second = await proxy.add_address()
            async with await serve(proxy):
                assert await asked(await client.connect(second, 7000)) == b"HELLO\n"
                await proxy.detach()
                assert list(network.stations) == [client.address]
                with client.entered():
                    neighbours = said(["ip", "-o", "address", "show", "eth0"])
                assert client.address in neighbours

    run(reach())


def test_two_rehearsals_at_once_do_not_meet(tmp_path: Path) -> None:
    async def reach() -> None:
        async with Network(tmp_path / "a") as one, Network(tmp_path / "b") as two:
            server, stranger = await one.attach("server"), await two.attach("stranger")
            assert server.address == stranger.address
            async with await serve(server):
                with pytest.raises(ConnectionRefusedError):
                    await stranger.connect(server.address, 7000)

    run(reach())


def held_namespaces() -> int:
    """Count network namespaces that this process holds open."""
    links = list(Path("/proc/self/fd").iterdir())
    return sum(str(link.readlink()).startswith("net:") for link in links if link.is_symlink())


def test_the_machine_has_neither_links_of_a_rehearsal_nor_namespaces_after_it(
    tmp_path: Path,
) -> None:
    before = held_namespaces()

    async def come_and_go() -> None:
        async with Network(tmp_path) as network:
            await network.attach("one")
            await network.attach("two")
            assert held_namespaces() == before + 3
            links = await asyncio.to_thread(said, ["ip", "-o", "link"])
            assert "switch" not in links
            assert "v10-244" not in links

    run(come_and_go())
    assert held_namespaces() == before


def test_what_ip_refuses_is_told_with_its_words(tmp_path: Path) -> None:
    async def ask() -> None:
        async with Network(tmp_path) as network:
            station = await network.attach("one")
            with pytest.raises(OSError, match="Cannot find device"):
                configure(station._namespace, ["link set nothing up"])
            with pytest.raises(OSError, match="setns"), entered(0):
                pass

    run(ask())
