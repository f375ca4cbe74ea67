"""A real primary with replicas, under real Sentinels.

with primary_with_replicas(tmp_path) as deployment:   # 2 replicas, 3 Sentinels
    deployment.url, deployment.primary().kill(), deployment.failed_over(before)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import redis

from support.ports import eventually
from support.valkey import OPERATOR, TlsValkey, Valkey, hosts, redis_server, tls_settings

PRIMARY = "main"
"""What Sentinels call the primary."""


class Sentinel(Valkey):
    """A Sentinel of one primary."""

    def __init__(
        self, folder: Path, lines: Sequence[str], *, program: str | None = None, tls: bool = False
    ) -> None:
        super().__init__(folder, program=program, tls=tls)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"sentinel-{self.port}.conf"
        file.write_text("".join(f"{line}\n" for line in lines))
        self.args = (str(file), "--sentinel")

    def command_line(self) -> Sequence[str]:
        """Its file first: it writes there what it learns."""
        return (*self.args, *self.whereabouts())


class Sentineled:
    """A primary, its replicas, and the Sentinels that watch them."""

    def __init__(self, servers: list[Valkey], sentinels: list[Sentinel]) -> None:
        self.servers = servers
        self.sentinels = sentinels

    @property
    def url(self) -> str:
        """`redis+sentinel://h:p,h:p,h:p/main`."""
        return f"redis+sentinel://{hosts(self.sentinels)}/{PRIMARY}"

    def primary(self) -> Valkey:
        """Return the server that most Sentinels take for the primary now."""
        seen = [port for port in map(self._seen, self.sentinels) if port]
        port = max(set(seen), key=seen.count)
        return next(server for server in self.servers if server.port == port)

    def replicas(self) -> list[Valkey]:
        """Return the other servers."""
        primary = self.primary()
        return [server for server in self.servers if server is not primary]

    def agrees(self) -> bool:
        """Say whether every running Sentinel names the same primary, which says so itself."""
        ports = {self._seen(sentinel) for sentinel in self.sentinels if sentinel.running}
        with suppress(redis.ConnectionError, redis.TimeoutError):  # it is dead, or not yet there
            return len(ports) == 1 and self.primary().client().role()[0] == b"master"
        return False

    def failed_over(self, before: Valkey) -> bool:
        """Say whether all agree on another primary than before."""
        return self.agrees() and self.primary() is not before

    @staticmethod
    def _seen(sentinel: Sentinel) -> int:
        if not sentinel.running:
            return 0
        with redis.Redis(port=sentinel.port) as client:
            address = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", PRIMARY)
            return int(address[1])


@contextmanager
def primary_with_replicas(
    folder: Path,
    replicas: int = 2,
    sentinels: int = 3,
    *,
    down_after_ms: int = 500,
    args: Sequence[str] = (),
    lines: Sequence[str] = (),
) -> Iterator[Sentineled]:
    """Run a primary, followed by `replicas`, under `sentinels`, all knowing each other.

    `args` are for every server, `lines` for the configuration file of every Sentinel.
    """
    with ExitStack() as stack:
        first = stack.enter_context(Valkey(folder, args=args))
        follows = (*args, "--replicaof", f"127.0.0.1 {first.port}")
        servers = [first]
        servers += [stack.enter_context(Valkey(folder, args=follows)) for _ in range(replicas)]
        followed = first.client()
        eventually(lambda: _online(followed) == replicas, "the replicas follow")
        watch = (
            f"sentinel monitor {PRIMARY} 127.0.0.1 {first.port} {sentinels // 2 + 1}",
            f"sentinel down-after-milliseconds {PRIMARY} {down_after_ms}",
            f"sentinel failover-timeout {PRIMARY} 1500",
            f"sentinel parallel-syncs {PRIMARY} {replicas or 1}",
            *lines,
        )
        watching = [stack.enter_context(Sentinel(folder, watch)) for _ in range(sentinels)]
        for sentinel in watching:
            asked = sentinel.client()
            known = partial(_knows, asked, replicas, sentinels - 1)
            eventually(known, "Sentinels are ready", within_s=60)  # they ask every 10 s
        yield Sentineled(servers, watching)


def _online(primary: redis.Redis) -> int:
    known: dict[str, Any] = primary.info("replication")
    followers = [known[f"slave{n}"] for n in range(known["connected_slaves"])]
    return sum(follower["state"] == "online" for follower in followers)


def _knows(sentinel: redis.Redis, replicas: int, others: int) -> bool:
    state = sentinel.sentinel_master(PRIMARY)
    known = sentinel.sentinel_slaves(PRIMARY)
    linked = sum(replica["master-link-status"] == "ok" for replica in known)
    return linked == replicas and state["num-other-sentinels"] == others


@contextmanager
def tls_sentinel(folder: Path, primary: TlsValkey, users: Sequence[str]) -> Iterator[str]:
    """Run one Sentinel with TLS only, of `primary`; yields the URL. `users` are ACL lines."""
    lines = (
        *(f"{name} {value}" for name, value in tls_settings(primary.authority).items()),
        "tls-auth-clients no",
        "tls-replication yes",  # Sentinels speak TLS to what they watch where replicas do
        "sentinel resolve-hostnames yes",
        "sentinel announce-hostnames yes",
        f"sentinel monitor {PRIMARY} localhost {primary.port} 1",
        f"sentinel auth-pass {PRIMARY} {OPERATOR}",
        *users,
    )
    with Sentinel(folder, lines, program=redis_server(), tls=True) as sentinel:
        yield f"rediss+sentinel://localhost:{sentinel.port}/{PRIMARY}"
