"""The health check of the image: its exit status is the answer."""

from __future__ import annotations

import http.server
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from support.certificates import Authority
from support.ports import free_port

PROGRAM = Path(__file__).parents[2] / "deploy/container/healthcheck.py"


@contextmanager
def answering(status: int, context: ssl.SSLContext | None = None) -> Iterator[int]:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever).start()
        yield server.server_address[1]
        server.shutdown()


def checked(port: int, scheme: str = "http") -> subprocess.CompletedProcess[str]:
    url = f"{scheme}://127.0.0.1:{port}/actuator/health/readiness"
    command = [sys.executable, "-IS", str(PROGRAM), url]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize(("status", "exits"), [(200, 0), (503, 1), (404, 1), (301, 1)])
def test_only_200_is_healthy(status: int, exits: int) -> None:
    with answering(status) as port:
        done = checked(port)
    assert done.returncode == exits
    assert done.stdout == f"answered {status}\n"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_answer_is_unhealthy_and_said_in_one_line(scheme: str) -> None:
    done = checked(free_port(), scheme)
    assert done.returncode == 1
    assert done.stdout.startswith("no answer: ")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_a_certificate_for_another_name_does_not_matter(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue(["gateway.example"], stem="gateway")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with answering(200, context) as port:
        done = checked(port, "https")
    assert done.returncode == 0, done.stdout
