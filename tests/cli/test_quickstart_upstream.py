from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from sluicegate.cli import quickstart_upstream
from support.loops import in_thread
from support.ports import listening_socket
from support.raw_http import Connection, ask, connect


class Served:
    """The upstream as a server that `in_thread` can run."""

    def __init__(self) -> None:
        with listening_socket() as sock:
            self.port: int = sock.getsockname()[1]
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await quickstart_upstream.start("127.0.0.1", self.port)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()


@pytest.fixture
def connection() -> Iterator[Connection]:
    with in_thread(Served()) as served, connect(served.port) as made:
        yield made


def told(connection: Connection, request: bytes) -> dict[str, Any]:
    answer = connection.request(request)
    assert (answer.status, answer.get("content-type")) == (200, "application/json")
    content: dict[str, Any] = json.loads(answer.body)
    return content


def test_it_tells_what_reached_it(connection: Connection) -> None:
    content = told(
        connection, b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nSluicegate-Consumer: you\r\n\r\n"
    )
    assert (content["method"], content["target"]) == ("GET", "/a?b=c")
    assert content["headers"] == ["Host: x", "Sluicegate-Consumer: you"]


def test_bodies_of_both_framings_are_counted_and_the_connection_is_kept(
    connection: Connection,
) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\n"
    for framed in (
        b"Content-Length: 5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\nX-T: 1\r\n\r\n",
    ):
        assert told(connection, head + framed)["body_bytes"] == 5
    assert told(connection, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")["body_bytes"] == 0


def test_a_head_request_gets_no_body(connection: Connection) -> None:
    answer = connection.request(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", head=True)
    assert int(answer.get("content-length") or 0) > 0
    assert told(connection, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")["method"] == "GET"


@pytest.mark.parametrize("nonsense", [b"\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"])
def test_nonsense_ends_the_connection_and_nothing_else(nonsense: bytes) -> None:
    with in_thread(Served()) as served:
        with connect(served.port) as connection:
            connection.send(nonsense)
            assert connection.closed()
        assert ask(served.port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").status == 200
