"""One replica with a store: a real `sluicegate run`, its workers, and its admin API."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx

from support.gateway import RUN, Gateway, start
from support.ports import eventually
from support.raw_http import Answer, Connection, connect, get

READY_S = 80.0
PATCH = {"content-type": "application/merge-patch+json"}
LOCAL = "0100007F"
"""127.0.0.1 as /proc/net/tcp writes it."""
UNCLOSED = re.compile(
    r"(?:Exception ignored in: .*\n)?"
    r"Traceback .*\n(?:  .*\n)+ResourceWarning: unclosed resource .*\n"
)
"""What uvloop says of a connection that is open when its loop ends; the process is over then."""
MANAGEMENT = "sluicegate.process.management"


class Admin:
    """Asks the admin API of one replica, whose port may change when it is started again."""

    def __init__(self, management: int, token: str) -> None:
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{management}/admin/v1",
            headers={"authorization": f"Bearer {token}"},
            timeout=20,
            trust_env=False,
        )

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request and return whatever comes."""
        return self._http.request(method, path, **more)

    def get(self, path: str) -> Any:
        """Return what is there."""
        return _good(self.ask("GET", path)).json()

    def put(self, path: str, spec: Any) -> str:
        """Create or replace; return the entity tag."""
        return str(_good(self.ask("PUT", path, json=spec)).headers["etag"])

    def patch(self, path: str, patch: Any, etag: str) -> httpx.Response:
        """Merge into what has that entity tag; return the answer, a refusal too."""
        headers = {**PATCH, "if-match": etag}
        return self.ask("PATCH", path, content=json.dumps(patch), headers=headers)

    def key(self, consumer: str, **more: Any) -> dict[str, Any]:
        """Make a key; the text is in `key`, the name in `name`."""
        made = _good(self.ask("POST", "/keys", json={"consumer": consumer, **more}))
        found: dict[str, Any] = made.json()
        return found

    def revoke(self, name: str) -> None:
        """Revoke a key, finally."""
        _good(self.ask("DELETE", f"/keys/{name}"))

    def close(self) -> None:
        """End the connections."""
        self._http.close()


def _good(answer: httpx.Response) -> httpx.Response:
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.text}"
    return answer


class Replica:
    """Starts, ends and asks one replica."""

    def __init__(
        self, folder: Path, configuration: dict[str, Any], workers: int, token: str
    ) -> None:
        self.folder = folder
        self.workers = workers
        self._configuration = configuration
        self._token = token
        self._gateway: Gateway | None = None
        self._admin: Admin | None = None

    @property
    def port(self) -> int:
        """The data port."""
        return self.gateway.port

    @property
    def gateway(self) -> Gateway:
        """The process; of one that has ended, with its logs."""
        assert self._gateway is not None
        return self._gateway

    @property
    def admin(self) -> Admin:
        """Its admin API, asked with the first token."""
        if self._admin is None:
            self._admin = Admin(self.gateway.management, self._token)
        return self._admin

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._gateway is not None and self._gateway.process.poll() is None

    def start(self, **environ: str) -> None:
        """Start the process; `ready` says when it serves."""
        self._gateway = start(
            self.folder,
            json.dumps(self._configuration),
            program=RUN,
            PYTHONFAULTHANDLER="1",
            SLUICEGATE_GATEWAY_WORKERS=str(self.workers),
            SLUICEGATE_STORE_URL=self._configuration["store"]["url"],
            **environ,
        )

    def ready(self) -> bool:
        """Say whether all its workers serve; raises AssertionError when it has ended."""
        if self.gateway.process.poll() is not None:
            raise AssertionError(f"it ended:\n{self.gateway.err.read_text()}")
        if not self.gateway.healthy():
            return False
        return all(worker["phase"] == "ready" for worker in self.gateway.health()["workers"])

    def administered(self) -> bool:
        """Say whether its admin API answers."""
        with suppress(httpx.HTTPError):
            return self.admin.ask("GET", "/whoami").status_code == 200
        return False

    def wait(self) -> None:
        """Wait until it serves and can be administered."""
        why = f"a replica is ready, see {self.gateway.err}"
        eventually(self.ready, why, within_s=READY_S, every_s=0.05)
        eventually(self.administered, f"its API, see {self.gateway.err}", within_s=READY_S)

    def get(self, path: str, key: str | None = None) -> Answer:
        """Ask the data port, over a connection of its own."""
        return get(self.port, path, *([] if key is None else [f"X-API-Key: {key}"]))

    def status(self, path: str, key: str | None = None) -> int:
        """Return the status of that."""
        return self.get(path, key).status

    def management_pid(self) -> int | None:
        """Return the process that keeps the store; None where it is the only one, or away."""
        for pid in self.gateway.workers():
            with suppress(OSError):
                if MANAGEMENT in Path(f"/proc/{pid}/cmdline").read_text():
                    return pid
        return None

    def lines(self, stack: ExitStack) -> list[Connection]:
        """Open connections until every worker has one, and return one of each."""
        found: dict[int, Connection] = {}
        for _ in range(200):
            line = stack.enter_context(connect(self.port))
            assert line.request(request("/open")).status == 200
            found.setdefault(self._holder(line), line)
            if len(found) == self.workers:
                return list(found.values())
        raise AssertionError(f"of {self.workers} workers {len(found)} accept connections")

    def _holder(self, line: Connection) -> int:
        """Return the process that has the other end of a connection."""
        port = line.sock.getsockname()[1]
        ends = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        there = (f"{LOCAL}:{self.port:04X}", f"{LOCAL}:{port:04X}")
        inode = next(row[9] for row in ends if (row[1], row[2]) == there)
        for pid in (self.gateway.process.pid, *self.gateway.workers()):
            for held in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if str(held.readlink()) == f"socket:[{inode}]":
                        return pid
        raise AssertionError("nobody has the other end")

    def kill(self) -> None:
        """End all of its processes by SIGKILL."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None
        if self._gateway is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._gateway.process.pid, signal.SIGKILL)
            self._gateway.process.wait(10)

    def stop(self) -> None:
        """End it as an operator does; raises AssertionError when that does not go as it should."""
        try:
            status = self.gateway.stop()
        except subprocess.TimeoutExpired:
            self.gateway.process.send_signal(signal.SIGABRT)  # it says where each thread stands
            self.gateway.process.wait(10)
            raise AssertionError(f"no end:\n{self.gateway.err.read_text()}") from None
        finally:
            self.kill()
        said = UNCLOSED.sub("", self.gateway.err.read_text())
        assert status == 0, said
        assert "Traceback" not in said, said


def request(path: str, key: str | None = None) -> bytes:
    """Write a request."""
    lines = [f"GET {path} HTTP/1.1", "Host: outages.example"]
    lines += [] if key is None else [f"X-API-Key: {key}"]
    return "\r\n".join([*lines, "", ""]).encode()
