"""The state of one world: one Valkey behind links, a primary with Sentinels, a Cluster, or none."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from support.valkey import Valkey
from support.valkey_cluster import Cluster, cluster
from support.valkey_sentinel import Sentineled, primary_with_replicas
from truth.links import Links

MEMORY = "memory://"


class Deployment:
    """What the replicas count in. `kind` is memory, single, linked, sentinel or cluster.

    `linked` is a single server with a link of its own for each of `count` replicas.
    """

    def __init__(self, kind: str, folder: Path, count: int) -> None:
        self.kind = kind
        self._folder = folder
        self._count = count
        self._stack = ExitStack()
        self._server: Valkey | None = None
        self._links: Links | None = None
        self._sentinel: Sentineled | None = None
        self._cluster: Cluster | None = None

    def start(self) -> None:
        """Start its servers; they answer."""
        if self.kind in {"single", "linked"}:
            self._server = self._stack.enter_context(Valkey(self._folder))
            if self.kind == "linked":
                self._links = Links(self._server.port, self._count)
                self._stack.callback(self._links.stop)
        elif self.kind == "sentinel":
            self._sentinel = self._stack.enter_context(primary_with_replicas(self._folder))
        elif self.kind == "cluster":
            self._cluster = self._stack.enter_context(cluster(self._folder, replicas=1))

    def stop(self) -> None:
        """End its servers."""
        self._stack.close()

    def url(self, replica: int) -> str:
        """Return where a replica finds it."""
        if self._links is not None:
            return f"redis://127.0.0.1:{self._links.ports[replica]}"
        for server in (self._server, self._sentinel, self._cluster):
            if server is not None:
                return server.url
        return MEMORY

    @property
    def server(self) -> Valkey:
        """The single server."""
        assert self._server is not None
        return self._server

    @property
    def links(self) -> Links:
        """The links to it."""
        assert self._links is not None
        return self._links

    @property
    def sentinel(self) -> Sentineled:
        """The primary, its replicas and Sentinels."""
        assert self._sentinel is not None
        return self._sentinel

    @property
    def cluster(self) -> Cluster:
        """The Cluster."""
        assert self._cluster is not None
        return self._cluster
