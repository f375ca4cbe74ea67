"""A real PostgreSQL, filled with keys, their consumers and routes as many replicas would have them.

The server is that of the tests: loopback, no TLS, no fsync; what a replica asks of it is the same.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

from sluicegate.model.key import new_key
from sluicegate.snapshot.keys import digest
from sluicegate.store.contract import Revision
from sluicegate.store.uuid7 import Uuid7

TESTS = Path(__file__).parents[1] / "tests"
PEPPER_NAME, PEPPER = "p", "bench-pepper-0123456789abcdef0123"
SERVICE = "bench"
MADE_US = 1_750_000_000_000_000
KEYS_EACH = 10
TEAMS = 100


class Database(Protocol):
    """The server of tests/support/postgres.py."""

    log: Path

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The server, whose children serve connections."""

    def database(self, name: str | None = None, *, empty: bool = False) -> str:
        """Make a database with the newest schema; returns its URL."""

    def execute(self, sql: str, database: str = "postgres") -> list[list[str]]:
        """Run statements."""


@contextmanager
def started(folder: Path) -> Iterator[Database]:
    """Start a server; it ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    postgres = _support("postgres")
    with postgres.Postgres(folder, args=["shared_buffers=256MB"]) as server:
        yield cast("Database", server)


def fill(url: str, revisions: Iterator[Revision]) -> None:
    """Load revisions by one COPY; each has arrived then."""
    settings = _support("postgres").store_settings(url)
    asyncio.run(_support("stores").load(settings, revisions, quick=True))


def _support(name: str) -> Any:  # noqa: ANN401 - a module of the tests
    if str(TESTS) not in sys.path:
        sys.path.append(str(TESTS))
    return __import__(f"support.{name}", fromlist=[name])


def crowd(keys: int, routes: int, known: list[bytes]) -> Iterator[Revision]:
    """Yield teams, so many routes, consumers with ten keys each and so many keys.

    `known` are among the keys; nobody has the others.
    """
    make = _Maker()
    for number in range(TEAMS):
        yield make("team", f"team-{number}", {"plan": "basic"}, plan="basic")
    for number in range(routes):
        yield make("route", route_name(number), route_spec(number))
    consumers = max(1, keys // KEYS_EACH)
    for number in range(consumers):
        team = f"team-{number % TEAMS}"
        yield make("consumer", f"consumer-{number:07}", {"team": team}, owner=team)
    for number in range(keys):
        name, hashed = f"sg_local_{number:08}", secrets.token_hex(32)
        if number < len(known):
            name, hashed = name_of(known[number]), digest(PEPPER.encode(), known[number]).hex()
        owner = f"consumer-{number % consumers:07}"
        spec = {"consumer": owner, "hash": f"{PEPPER_NAME}:{hashed}"}
        yield make("key", name, spec, owner=owner)


def new_keys(count: int) -> list[bytes]:
    """Make keys as they are shown."""
    return [new_key("local").encode() for _ in range(count)]


def name_of(key: bytes) -> str:
    """Return the name of a key."""
    return key[:-49].decode()


def route_name(number: int) -> str:
    """Name a stored route."""
    return f"route-{number:05}"


def route_spec(number: int, mark: str = "same") -> dict[str, object]:
    """Write a stored route; `mark` is in its path."""
    path = f"/{mark}/{number}/{{id}}"
    return {"match": {"path": path}, "policies": [{"api_key": {}}], "service": SERVICE}


class _Maker:
    """Makes first revisions, all at the same time."""

    def __init__(self) -> None:
        self._ids = Uuid7()

    def __call__(
        self,
        kind: str,
        name: str,
        spec: Mapping[str, object],
        *,
        owner: str | None = None,
        plan: str | None = None,
    ) -> Revision:
        return Revision(
            id=self._ids.make(MADE_US),
            kind=kind,
            name=name,
            stamp=(MADE_US // 1000) << 16,
            region="local",
            content=json.dumps(spec, sort_keys=True, separators=(",", ":")).encode(),
            owner=owner,
            plan=plan,
            actor="bench",
            via="127.0.0.1",
            action="create",
            at_us=MADE_US,
        )
