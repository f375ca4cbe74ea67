"""The script by which a migration waits for the last pod of the version before."""

from __future__ import annotations

import http.server
import json
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sluicegate import __version__
from support.gateway import Gateway
from support.helm import CHART
from support.ports import eventually

SCRIPT = CHART / "files/rollout.py"


class Answers(http.server.BaseHTTPRequestHandler):
    """Says which version its server is told to be."""

    def do_GET(self) -> None:
        """Answer as /actuator/info does."""
        body = json.dumps({"version": self.server.version}).encode()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def replica(version: str) -> Iterator[socketserver.TCPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.version = version  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def waiting(url: str) -> Iterator[subprocess.Popen[str]]:
    script = subprocess.Popen(
        [sys.executable, "-I", str(SCRIPT), url],
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        env={"PATH": str(Path(sys.executable).parent)},
    )
    with script:
        yield script
        script.kill()


def test_it_ends_when_every_replica_has_the_version_of_the_image(
    start_gateway: Callable[..., Gateway],
) -> None:
    gateway = start_gateway("routes: {}")
    with waiting(f"http://127.0.0.1:{gateway.management}") as script:
        assert script.wait(30) == 0


def test_it_waits_for_a_replica_of_another_version() -> None:
    with replica("0.0.1") as server, waiting(f"http://127.0.0.1:{server.server_address[1]}") as it:
        assert it.stdout is not None
        assert '"127.0.0.1": "0.0.1"' in it.stdout.readline()
        assert it.poll() is None
        server.version = __version__  # type: ignore[attr-defined]
        assert it.wait(30) == 0


@pytest.mark.parametrize("url", ["http://nobody.invalid:9090", "http://127.0.0.1:1"])
def test_it_waits_for_replicas_that_cannot_be_asked(url: str) -> None:
    with waiting(url) as script:
        assert script.stdout is not None
        assert script.stdout.readline()
        eventually(lambda: script.poll() is None, "it goes on")
