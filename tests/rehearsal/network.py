"""A network of its own for a rehearsal: a switch, and a network namespace for each place on it.

    async with Network(folder) as network:
        station = await network.attach("valkey-0")  # a namespace with eth0 and an address
        network.publish("valkey-0.valkey", [station.address])
        subprocess.run(station.command(["curl", "http://api-gateway:8080/"]))
        reader, writer = await station.connect("10.244.0.9", 8080)
        port = await station.forward(8080)  # loopback of this process → its loopback
        await network.expose("postgresql", 5432, server.port)  # a place → our loopback

The namespaces have no names: this process holds them open, so that the kernel takes them away with
it, however it ends. Nothing of the machine's own network is touched. Several rehearsals do not
meet. Clients and addresses of Services are stations too; `add_address` gives a station another.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rehearsal.namespaces import entered, new_namespace, path_of
from rehearsal.relay import Relay, Streams

SUBNET = ipaddress.IPv4Network("10.244.0.0/16")
"""What kubeadm's documents and kind give to pods."""
LOOPBACK = "127.0.0.1"
HOSTS = """\
127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
"""
FILES = ("hosts", "resolv.conf", "nsswitch.conf")
"""What decides in /etc which names are known."""
WITH_NAMES = """\
mount -t overlay -o "ro,lowerdir=$1/links:/etc" overlay /etc &&
    mount --bind "$1/names" /etc/names && shift && exec "$@"
"""
"""An overlay shows a file as it was; a link into a bound folder leads to what has replaced it."""


class Network:
    """The switch and its stations; `folder` takes their hosts files."""

    def __init__(self, folder: Path) -> None:
        self.stations: dict[str, Station] = {}
        """address → station."""
        self._folder = folder
        self._names: dict[str, tuple[str, ...]] = {}
        self._free: Iterator[ipaddress.IPv4Address] = SUBNET.hosts()
        self._switch = -1

    async def __aenter__(self) -> Self:
        self._switch = new_namespace()
        await asyncio.to_thread(
            configure, self._switch, ["link add switch type bridge", "link set switch up"]
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for station in set(self.stations.values()):
            await station.detach()
        os.close(self._switch)

    async def attach(self, name: str) -> Station:
        """Make a namespace with a free address of SUBNET; `name` is its host name."""
        address = self.next_address()
        station = Station(self, name, address, self._folder / "stations" / address)
        station.write_hosts(self._names)
        await asyncio.to_thread(station.plug, self._switch)
        self.stations[address] = station
        return station

    def publish(self, name: str, addresses: Sequence[str]) -> None:
        """Let `name` mean these addresses in every station's hosts file; none: forget the name."""
        wanted = tuple(addresses)
        if wanted == self._names.get(name, ()):
            return
        self._names.pop(name, None)
        if wanted:
            self._names[name] = wanted
        for station in set(self.stations.values()):
            station.write_hosts(self._names)

    def addresses_of(self, name: str) -> tuple[str, ...]:
        """Return what a name means; an address means itself. Unknown names: `socket.gaierror`."""
        if name in self._names:
            return self._names[name]
        try:
            return (str(ipaddress.IPv4Address(name)),)
        except ValueError:
            raise socket.gaierror(socket.EAI_NONAME, f"nothing is called {name}") from None

    async def expose(self, name: str, port: int, target_port: int) -> Station:
        """Attach a station whose `port` is relayed to loopback `target_port` of this process."""
        station = await self.attach(name)
        with station.entered():
            sock = _listening(("0.0.0.0", port))
        await station.keep(Relay(sock, lambda: asyncio.open_connection(LOOPBACK, target_port)))
        return station

    def next_address(self) -> str:
        """Return an address of SUBNET that nobody had before."""
        return str(next(self._free))


class Station:
    """One place on the network: a namespace of its own with `eth0`."""

    def __init__(self, network: Network, name: str, address: str, folder: Path) -> None:
        self.name = name
        self.address = address
        self.etc = folder / "names"
        """Folder with FILES; `hosts` is replaced, not edited."""
        self._folder = folder
        self._network = network
        self._namespace = new_namespace()
        self._relays: list[Relay] = []
        self._lay_out()

    def _lay_out(self) -> None:
        """Make the folder that is bound to /etc/names, and what is laid over /etc."""
        self.etc.mkdir(parents=True)
        (self.etc / "resolv.conf").touch()
        (self.etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
        links = self._folder / "links"
        (links / "names").mkdir(parents=True)
        for name in FILES:
            (links / name).symlink_to(f"names/{name}")

    @property
    def path(self) -> str:
        """The namespace, for `nsenter --net=PATH`; good while this process lives."""
        return path_of(self._namespace)

    def entered(self) -> AbstractContextManager[None]:
        """Sockets made by this thread inside the `with` are the station's. No `await` inside."""
        return entered(self._namespace)

    def command(self, argv: Sequence[str]) -> list[str]:
        """Return a command line that runs `argv` in this namespace, with its names in /etc/hosts.

        It runs as root on the machine's own files and is killed with the thread that started it.
        Names may change while it runs: a look-up finds what is published then. `argv` replaces
        the wrapper: signals reach it, and its exit status is seen.
        """
        inside = ["sh", "-c", WITH_NAMES, "sh", str(self._folder), *argv]
        enter = ["nsenter", f"--net={self.path}", "unshare", "--mount"]
        return ["setpriv", "--pdeathsig", "KILL", *enter, "--propagation", "private", *inside]

    async def connect(self, host: str, port: int, **options: Any) -> Streams:
        """`asyncio.open_connection` from here; `host` is an address or a published name."""
        failure: OSError | None = None
        for address in self._network.addresses_of(host):
            with self.entered():
                sock = socket.socket()
            sock.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(sock, (address, port))
            except OSError as error:
                sock.close()
                failure = error
                continue
            except BaseException:
                sock.close()
                raise
            return await asyncio.open_connection(sock=sock, **options)
        raise failure or ConnectionError(f"{host} has no address")

    async def forward(self, port: int, host: str = LOOPBACK) -> int:
        """Open a loopback port of this process that leads to `host:port` as seen from here."""
        relay = Relay(_listening((LOOPBACK, 0)), lambda: self.connect(host, port))
        await self.keep(relay)
        return relay.port

    async def keep(self, relay: Relay) -> None:
        """Open a relay; it is closed with the station."""
        await relay.open()
        self._relays.append(relay)

    async def add_address(self) -> str:
        """Give it one more free address and return that."""
        address = self._network.next_address()
        await asyncio.to_thread(
            configure, self._namespace, [f"addr add {address}/{SUBNET.prefixlen} dev eth0"]
        )
        self._network.stations[address] = self
        return address

    async def detach(self) -> None:
        """Take it off the network; what still runs in it has no network any more."""
        stations = self._network.stations
        mine = [address for address, station in stations.items() if station is self]
        for address in mine:
            del stations[address]
        if not mine:
            return
        for relay in self._relays:
            await relay.close()
        with suppress(OSError):
            await asyncio.to_thread(configure, self._namespace, ["link del eth0"])
        os.close(self._namespace)

    def plug(self, switch: int) -> None:
        """Lay the cable to the switch (blocks)."""
        port = "v" + self.address.replace(".", "-")
        configure(
            switch,
            [
                f"link add {port} type veth peer name eth0 netns {self.path}",
                f"link set {port} master switch up",
            ],
        )
        configure(
            self._namespace,
            [
                "link set lo up",
                f"addr add {self.address}/{SUBNET.prefixlen} dev eth0",
                "link set eth0 up",
            ],
        )

    def write_hosts(self, names: dict[str, tuple[str, ...]]) -> None:
        """Write the hosts file anew, at one stroke."""
        lines = [f"{self.address} {self.name}\n"]
        lines += [f"{each} {name}\n" for name, addresses in names.items() for each in addresses]
        fresh = self.etc / "hosts.new"
        fresh.write_text(HOSTS + "".join(lines))
        fresh.replace(self.etc / "hosts")


def configure(namespace: int, lines: Sequence[str]) -> None:
    """Run `ip` commands in a namespace (blocks). Raises `OSError` with what `ip` said."""
    with entered(namespace):
        done = subprocess.run(
            ["ip", "-batch", "-"],
            input="".join(f"{line}\n" for line in lines),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise OSError(f"ip: {done.stderr.strip()}, asked for {list(lines)}")


def _listening(address: tuple[str, int]) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(address)
    sock.setblocking(False)
    return sock
