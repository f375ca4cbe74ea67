"""A real Valkey Cluster.

with cluster(tmp_path) as nodes:                      # 3 primaries
    nodes.url, nodes.owner(b"key").pause(), nodes.move(slot, to)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import redis
from redis.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot

from support.ports import eventually, free_port
from support.valkey import Valkey, hosts

SLOTS = 16_384


class Cluster:
    """A Cluster: primaries first, then their replicas."""

    def __init__(self, nodes: list[Valkey], names: list[str]) -> None:
        self.nodes = nodes
        self.names = names

    @property
    def url(self) -> str:
        """`redis+cluster://h:p,h:p,…`."""
        return f"redis+cluster://{hosts(self.nodes)}"

    def client(self) -> RedisCluster:
        """Return a client of redis-py; the caller closes it."""
        alive = [ClusterNode("127.0.0.1", node.port) for node in self.nodes if node.running]
        return RedisCluster(startup_nodes=alive)

    def owner(self, key: bytes) -> Valkey:
        """Return the primary that most nodes say has the slot of `key` now."""
        slot = key_slot(key)
        seen = [port for port in (_owner(n, slot) for n in self.nodes if n.running) if port]
        port = max(set(seen), key=seen.count)
        return next(node for node in self.nodes if node.port == port)

    def agrees(self) -> bool:
        """Say whether every running node says that the Cluster is ok, and names the same owners."""
        views = set()
        for node in self.nodes:
            if not node.running:
                continue
            with redis.Redis(port=node.port) as client:
                if client.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                    return False
                rows = client.execute_command("CLUSTER SLOTS")
                views.add(str(sorted((row[0], row[1], row[2][1]) for row in rows)))
        return len(views) == 1

    def begin_move(self, slot: int, to: Valkey) -> None:
        """Open `slot` for moving: from now on keys that its owner lacks are asked at `to`."""
        source = self._owner_of(slot)
        _say(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", self.name(source))
        _say(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", self.name(to))

    def finish_move(self, slot: int, to: Valkey) -> None:
        """Move the keys of `slot`, and tell every node who has it now."""
        source = self._owner_of(slot)
        with redis.Redis(port=source.port) as client:
            while keys := client.execute_command("CLUSTER GETKEYSINSLOT", slot, 100):
                client.execute_command(
                    "MIGRATE", "127.0.0.1", to.port, "", 0, 5000, "REPLACE", "KEYS", *keys
                )
        first = [to, source]
        for node in [*first, *(n for n in self.nodes if n not in first and n.running)]:
            with suppress(redis.ResponseError):  # a replica takes it from its primary
                _say(node, "CLUSTER", "SETSLOT", slot, "NODE", self.name(to))

    def move(self, slot: int, to: Valkey) -> None:
        """Move `slot` to the primary `to`."""
        self.begin_move(slot, to)
        self.finish_move(slot, to)

    def name(self, node: Valkey) -> str:
        """Return what the Cluster calls `node`."""
        return self.names[self.nodes.index(node)]

    def _owner_of(self, slot: int) -> Valkey:
        ports = [_owner(node, slot) for node in self.nodes if node.running]
        port = max(set(ports), key=ports.count)
        return next(node for node in self.nodes if node.port == port)


def _say(node: Valkey, *words: object) -> None:
    with redis.Redis(port=node.port) as client:
        client.execute_command(*words)


def _owner(node: Valkey, slot: int) -> int:
    """Return the port of the primary that `node` says has `slot`, or 0."""
    gone = (redis.ConnectionError, redis.TimeoutError)
    with suppress(*gone), redis.Redis(port=node.port, socket_timeout=1) as client:
        for row in client.execute_command("CLUSTER SLOTS"):
            if row[0] <= slot <= row[1]:
                return int(row[2][1])
    return 0


@contextmanager
def cluster(
    folder: Path, primaries: int = 3, replicas: int = 0, *, timeout_ms: int = 0
) -> Iterator[Cluster]:
    """Run a Cluster with `replicas` of each primary; a node is failed after `timeout_ms`.

    Unless told that is a second, and 15 where no replica could take over from one that is slow.

    Every node begins with the finished map of all, as after a restart: ready in 2 s, where meeting
    and being told takes 7.
    """
    timeout_ms = timeout_ms or (1000 if replicas else 15_000)
    count = primaries * (1 + replicas)
    names = [f"{n:040x}" for n in range(1, count + 1)]
    ports = [(free_port(), free_port()) for _ in range(count)]
    with ExitStack() as stack:
        nodes = []
        for n, (port, bus) in enumerate(ports):
            home = folder / f"node-{port}"
            home.mkdir(parents=True)
            (home / "nodes.conf").write_text(_map(n, names, ports, primaries))
            args = (
                "--cluster-enabled", "yes", "--cluster-port", str(bus),
                "--cluster-node-timeout", str(timeout_ms), "--cluster-config-file", "nodes.conf",
                "--cluster-replica-validity-factor", "0",
            )  # fmt: skip
            nodes.append(stack.enter_context(Valkey(home, port=port, args=args)))
        made = Cluster(nodes, names)
        eventually(made.agrees, f"the Cluster is ready, see {folder}", within_s=40, every_s=0.05)
        yield made


def _map(me: int, names: list[str], ports: list[tuple[int, int]], primaries: int) -> str:
    """Return `nodes.conf` of node `me` (cluster-config-file of Valkey 9, one line a node)."""
    lines = []
    for n, (name, (port, bus)) in enumerate(zip(names, ports, strict=True)):
        of = n % primaries
        first, last = SLOTS * of // primaries, SLOTS * (of + 1) // primaries - 1
        self_ = "myself," if n == me else ""
        role, follows, slots = ("master", "-", f" {first}-{last}")
        if n >= primaries:
            role, follows, slots = "slave", names[of], ""
        where = f"127.0.0.1:{port}@{bus},,tls-port=0,shard-id={of + 1:040x}"
        lines.append(f"{name} {where} {self_}{role} {follows} 0 0 {of + 1} connected{slots}\n")
    return "".join(lines) + f"vars currentEpoch {primaries} lastVoteEpoch 0\n"
