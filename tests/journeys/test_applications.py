"""Real applications work unchanged behind the gateway: same statuses, headers and bodies."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import websockets.sync.client

from support.applications import SseSource, WebSocketEcho, httpbin, static_nginx
from support.gateway import Gateway, gateway
from support.loops import in_thread
from support.ports import eventually
from support.raw_http import connect
from support.upstreams import Upstream, echo

BETWEEN = {"connection", "date", "server", "transfer-encoding", "content-length", "keep-alive"}
"""Headers that each hop or each answer has of its own."""
OURS = {"via", "x-request-id", "traceparent"}
YAML = """
services: {{app: {{targets: [http://127.0.0.1:{port}]}}}}
routes: {{all: {{match: {{path: /**}}, service: app}}}}
"""


@contextmanager
def in_front_of(port: int, folder: Path) -> Iterator[Gateway]:
    with gateway(folder / "gateway", YAML.format(port=port)) as running:
        yield running


@pytest.fixture(scope="module")
def bin_ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """Run httpbin and a gateway in front of it; gives both ports, the application's first."""
    with (
        httpbin() as port,
        in_front_of(port, tmp_path_factory.mktemp("httpbin")) as running,
    ):
        yield port, running.port


def both(ports: tuple[int, int], method: str, path: str, **more: object) -> list[httpx.Response]:
    """Ask the application directly and through the gateway, naming the same host."""
    answers = []
    for port in ports:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            client.headers["host"] = "app.example"
            answers.append(client.request(method, path, **more))  # type: ignore[arg-type]
    return answers


def compared(answer: httpx.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    fields = [(k, v) for k, v in answer.headers.multi_items() if k not in BETWEEN | OURS]
    return answer.status_code, sorted(fields), answer.content


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/html"),
        ("HEAD", "/html"),
        ("GET", "/bytes/100000?seed=1"),
        ("GET", "/stream-bytes/100000?seed=1&chunk_size=777"),
        ("GET", "/range/2048?duration=0"),
        ("GET", "/image/png"),
        ("GET", "/encoding/utf8"),
        ("GET", "/cookies/set?a=1&b=2"),
        ("GET", "/redirect-to?url=https%3A%2F%2Fexample.com%2Fa%20b&status_code=307"),
        ("GET", "/response-headers?X-One=1&X-Two=2"),
        ("OPTIONS", "/get"),
        ("GET", "/basic-auth/a/b"),
    ],
)
def test_httpbin_answers_the_same_through_the_gateway(
    bin_ports: tuple[int, int], method: str, path: str
) -> None:
    direct, through = both(bin_ports, method, path)
    assert compared(through) == compared(direct)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "brotli"])
def test_a_coded_body_stays_coded(bin_ports: tuple[int, int], coding: str) -> None:
    direct, through = both(bin_ports, "GET", f"/{coding}")
    assert through.headers["content-encoding"] == direct.headers["content-encoding"]
    seen = through.json()
    del seen["headers"]  # what reached the application is not the same
    assert seen == {k: v for k, v in direct.json().items() if k != "headers"}


@pytest.mark.parametrize("status", [200, 204, 206, 301, 304, 400, 404, 418, 429, 500, 503, 599])
def test_a_status_is_passed_on_as_it_is(bin_ports: tuple[int, int], status: int) -> None:
    direct, through = both(bin_ports, "GET", f"/status/{status}")
    assert compared(through) == compared(direct)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_body_reaches_the_application_whole(bin_ports: tuple[int, int], method: str) -> None:
    sent = b"0123456789" * 20_000
    direct, through = both(bin_ports, method, "/anything/x?y=z", content=sent)
    seen = through.json()
    assert seen["data"].encode() == sent
    ignored = {"headers", "origin"}
    assert {k: v for k, v in seen.items() if k not in ignored} == {
        k: v for k, v in direct.json().items() if k not in ignored
    }
    assert seen["headers"]["Host"] == "app.example"


def test_a_chunked_upload_reaches_the_application_whole(tmp_path: Path) -> None:
    pieces = [b"a" * 1000, b"b", b"c" * 70_000]
    with (
        in_thread(Upstream(echo)) as upstream,  # httpbin refuses chunks with 501
        in_front_of(upstream.port, tmp_path) as running,
    ):
        url = f"http://127.0.0.1:{running.port}/post"
        answer = httpx.post(url, content=iter(pieces), trust_env=False)
    assert answer.content.endswith(b"\r\n\r\n" + b"".join(pieces))
    assert upstream.requests[0].body == b"".join(pieces)


def test_files_are_served_with_ranges_and_validators(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    files = {"data.bin": content, "docs/index.html": b"<h1>hello</h1>", "a.txt": b"text\n" * 500}
    with (
        static_nginx(tmp_path / "nginx", files) as port,
        in_front_of(port, tmp_path) as running,
    ):
        ports = port, running.port
        direct, through = both(ports, "GET", "/data.bin")
        assert compared(through) == compared(direct)
        assert hashlib.sha256(through.content).digest() == hashlib.sha256(content).digest()
        for headers in (
            {"range": "bytes=100-199"},
            {"range": "bytes=9999999-"},
            {"if-none-match": direct.headers["etag"]},
            {"if-modified-since": direct.headers["last-modified"]},
        ):
            direct, through = both(ports, "GET", "/data.bin", headers=headers)
            assert direct.status_code in {206, 416, 304}
            assert compared(through) == compared(direct)
        for path in ("/docs/", "/docs", "/a.txt", "/missing", "/"):
            direct, through = both(ports, "GET", path)
            direct.headers.pop("location", None)
            through.headers.pop("location", None)
            assert compared(through)[0] == compared(direct)[0]
            if path != "/docs":
                assert compared(through) == compared(direct)


def test_a_websocket_is_carried_both_ways_and_its_close_code_too(tmp_path: Path) -> None:
    with (
        in_thread(WebSocketEcho()) as application,
        in_front_of(application.port, tmp_path) as running,
    ):
        uri = f"ws://127.0.0.1:{running.port}/chat?room=1"
        protocol = websockets.Subprotocol("echo")
        with websockets.sync.client.connect(uri, proxy=None, subprotocols=[protocol]) as client:
            assert client.subprotocol == "echo"
            for message in ("hello", b"\x00\xff" * 10, "x" * 300_000):
                client.send(message)
                assert client.recv() == message
            client.close(4001, "enough")
        eventually(lambda: application.closed == [4001], "the application saw the close")
        assert application.paths == ["/chat?room=1"]


def test_each_server_sent_event_arrives_before_the_next_is_sent(tmp_path: Path) -> None:
    with (
        in_thread(SseSource()) as source,
        in_front_of(source.port, tmp_path) as running,
        connect(running.port) as connection,
    ):
        connection.send(b"GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
        assert connection.head().get("content-type") == "text/event-stream"
        eventually(lambda: source.streams == 1, "the stream is open")

        def usual_delay() -> float:
            delays = []
            for number in range(20):
                began = time.monotonic()
                source.emit(b"%d" % number)
                assert connection.chunk() == b"data: %d\n\n" % number
                delays.append(time.monotonic() - began)
            return sorted(delays)[10]

        # Nagle with delayed ACK would make it 0.04 every time, a busy machine does so at times.
        eventually(lambda: usual_delay() < 0.02, "no event is held back")
        source.emit(None)
        assert connection.chunk() == b""


def test_a_client_that_leaves_a_stream_ends_it_at_the_source(tmp_path: Path) -> None:
    with in_thread(SseSource()) as source, in_front_of(source.port, tmp_path) as running:
        with connect(running.port) as connection:
            connection.send(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.head()
            eventually(lambda: source.streams == 1, "the stream is open")
        eventually(lambda: source.streams == 0, "the source noticed")


def test_two_services_share_one_gateway(
    tmp_path: Path, start_gateway: Callable[..., Gateway]
) -> None:
    with (
        static_nginx(tmp_path / "one", {"v1/who": b"one"}) as one,
        static_nginx(tmp_path / "two", {"v2/who": b"two"}) as two,
    ):
        running = start_gateway(f"""
services:
  one: {{targets: [http://127.0.0.1:{one}]}}
  two: {{targets: [http://127.0.0.1:{two}]}}
routes:
  one: {{match: {{path: /v1/**}}, service: one}}
  two: {{match: {{path: /v2/**}}, service: two}}
""")
        for path, body in (("/v1/who", b"one"), ("/v2/who", b"two")):
            answer = httpx.get(f"http://127.0.0.1:{running.port}{path}", trust_env=False)
            assert answer.content == body
