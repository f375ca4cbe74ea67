"""The real processes of a scenario: PostgreSQL behind a link, Valkey, an upstream, replicas."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from outages.replica import Replica
from sluicegate.model.key import new_key
from support.loops import LoopThread, in_thread
from support.postgres import USERNAME, Postgres
from support.tcp_proxy import TcpProxy
from support.upstreams import Upstream, answering, response
from support.valkey import PATIENT, Valkey

ARRIVE = """
CREATE OR REPLACE FUNCTION sluicegate_arrive() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT
AS $$ BEGIN
    PERFORM pg_advisory_xact_lock(1397511491, 0);
    INSERT INTO arrivals (revision) VALUES (NEW.id);
    {notice}
    RETURN NULL;
END $$;
"""
"""The trigger of the schema, with or without its notice."""


class Secrets:
    """What all replicas share and nobody else may know."""

    def __init__(self, region: str = "local") -> None:
        self.pepper = secrets.token_hex(32)
        self.master = base64.b64encode(secrets.token_bytes(32)).decode()
        self.token = new_key(region, prefix="sga")

    @property
    def environ(self) -> dict[str, str]:
        """How replicas get them."""
        return {"PEPPER": self.pepper, "MASTER": self.master}


class Site:
    """One region: a database behind a link, a state, and the replicas that use them."""

    def __init__(
        self, folder: Path, server: Postgres, state_url: str, upstream: str, secrets: Secrets
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.server = server
        self.database = server.database().rpartition("/")[2]
        self.secrets = secrets
        self.replicas: list[Replica] = []
        self.region = "local"
        self._folder = folder
        self._state_url = state_url
        self._upstream = upstream
        self._thread = LoopThread()
        self._link = TcpProxy(server.port)
        self._thread.call(self._link.start())
        self._token = folder / "admin.token"
        self._token.write_text(secrets.token + "\n")
        self._token.chmod(0o600)

    def configuration(self, **more: Any) -> dict[str, Any]:
        """Return what replicas are given as their file."""
        url = f"postgresql://127.0.0.1:{self._link.port}/{self.database}"
        keyed: list[Any] = [{"api_key": {}}]
        return {
            "region": {"name": self.region},
            "admin": {"token_file": str(self._token)},
            "store": {"url": url, "username": USERNAME, "master_keys": {"main": "${env:MASTER}"}},
            "state": {"url": self._state_url, **PATIENT},
            "peppers": {"main": "${env:PEPPER}"},
            "services": {"upstream": {"targets": [self._upstream]}},
            "routes": {
                "open": {"match": {"path": "/open/**"}, "service": "upstream"},
                "keyed": {
                    "match": {"path": "/keyed/**"}, "service": "upstream", "policies": keyed,
                },
            },
            **more,
        }  # fmt: skip

    def begin(self, workers: Sequence[int]) -> list[Replica]:
        """Start further replicas at once, each with an empty disk; they need not be ready."""
        fresh = []
        for count in workers:
            folder = self._folder / f"replica-{len(self.replicas)}"
            replica = Replica(folder, self.configuration(), count, self.secrets.token)
            replica.start(**self.secrets.environ)
            self.replicas.append(replica)
            fresh.append(replica)
        return fresh

    def add(self, *workers: int) -> list[Replica]:
        """Start replicas, and wait for them."""
        fresh = self.begin(workers)
        for replica in fresh:
            replica.wait()
        return fresh

    def crew(self, *workers: int) -> list[Replica]:
        """Return the replicas that there are, and as many more as are missing."""
        self.add(*workers[len(self.replicas) :])
        return self.replicas

    def black_hole(self) -> None:
        """Let nothing through the link to the database; connections stay open."""
        self._link.black_hole = True

    def heal(self) -> None:
        """Let everything through again."""

        async def heal() -> None:
            self._link.heal()

        self._thread.call(heal())

    def stop_pushing(self) -> None:
        """Have the database tell nobody of what arrives."""
        self.server.execute(ARRIVE.format(notice=""), self.database)

    def push_again(self) -> None:
        """Have it tell all who listen."""
        notice = "PERFORM pg_notify('sluicegate', '');"
        self.server.execute(ARRIVE.format(notice=notice), self.database)

    def stop(self) -> None:
        """End replicas as an operator does; raises AssertionError when that goes wrong."""
        for replica in self.replicas:
            replica.stop()

    def kill(self) -> None:
        """End what still runs."""
        for replica in self.replicas:
            replica.kill()
        self._thread.call(self._link.stop())
        self._thread.close()


class World:
    """What a scenario acts on."""

    def __init__(self, folder: Path, stack: ExitStack, server: Postgres) -> None:
        self.folder = folder
        self.server = server
        self.stack = stack
        self.upstream = stack.enter_context(in_thread(Upstream(answering(response(body=b"here")))))
        self.valkey = stack.enter_context(Valkey(folder))
        self.secrets = Secrets()
        self.site = self.make_site(server, self.valkey.url)

    def make_site(self, server: Postgres, state_url: str, region: str = "local") -> Site:
        """Make a region; its replicas are killed at the end."""
        folder = self.folder / region
        site = Site(folder, server, state_url, self.upstream.url, self.secrets)
        site.region = region
        self.stack.callback(site.kill)
        return site


@contextmanager
def world(folder: Path, server: Postgres | None = None) -> Iterator[World]:
    """Run the processes of a scenario; with a server of its own unless one is given."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        made = World(folder, stack, server or stack.enter_context(Postgres(folder)))
        yield made
        made.site.stop()
    if server is not None:
        server.drop(made.site.database)
