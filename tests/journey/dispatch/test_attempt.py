"""One try at a target."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from support.front import front
from support.upstreams import Talk, echo, response

POST = b"POST / HTTP/1.1\r\nHost: a\r\n"


def test_a_body_is_streamed_and_not_collected_first(tmp_path: Path) -> None:
    async def piecewise(talk: Talk) -> None:
        await talk.head()
        pieces = [await talk.reader.readexactly(3) for _ in range(2)]
        await talk.send(response(body=b"-".join(pieces)))
        await talk.gone()

    with front(tmp_path, piecewise) as at, at.connect() as client:
        client.send(POST + b"Content-Length: 6\r\n\r\nabc")
        at.wait(lambda: at.upstream.requests, "the head is there before the body is whole")
        client.send(b"def")
        assert client.answer().body == b"abc-def"


def test_a_response_may_begin_before_the_request_has_ended(tmp_path: Path) -> None:
    async def talks_back(talk: Talk) -> None:
        await talk.head()
        await talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            await talk.send(b"2\r\n" + await talk.reader.readexactly(2) + b"\r\n")
        await talk.send(b"0\r\n\r\n")

    with front(tmp_path, talks_back) as at, at.connect() as client:
        client.send(POST + b"Content-Length: 6\r\n\r\n")
        assert client.head().status == 200
        for piece in (b"ab", b"cd", b"ef"):
            client.send(piece)
            assert client.chunk() == piece
        assert client.chunk() == b""


def test_a_body_that_a_stage_has_read_goes_out_whole(tmp_path: Path) -> None:
    async def reads(exchange: Any) -> None:
        assert await exchange.request.body.read(100) == b"abcdef"
        await chain(exchange)

    with front(tmp_path, echo) as at, at.connect() as client:
        route: Any = at.plane.inner.snapshot.routes["all"]  # type: ignore[union-attr]
        chain, route.chain = route.chain, reads
        chunks = b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
        for framing in (b"Content-Length: 6\r\n\r\nabcdef", chunks):
            assert client.request(POST + framing).status == 200
            assert at.upstream.requests[-1].body == b"abcdef"


def test_the_time_of_the_first_byte_is_noted(tmp_path: Path) -> None:
    seen: list[Any] = []

    async def watches(exchange: Any) -> None:
        await chain(exchange)
        seen.append(exchange)

    with front(tmp_path, echo) as at, at.connect() as client:
        route: Any = at.plane.inner.snapshot.routes["all"]  # type: ignore[union-attr]
        chain, route.chain = route.chain, watches
        answer = client.request(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        at.wait(lambda: seen, "the exchange is over")
        (exchange,) = seen
        assert exchange.started_at <= exchange.first_byte_at <= at.clock.monotonic()
        assert exchange.bytes_out == len(answer.body)
        assert (exchange.service, exchange.target) == ("up", f"127.0.0.1:{at.upstream.port}")


def test_a_failed_attempt_gives_its_place_back(tmp_path: Path) -> None:
    async def breaks(talk: Talk) -> None:
        await talk.head()
        await asyncio.sleep(0)
        talk.reset()

    with front(tmp_path, breaks) as at, at.connect() as client:
        for _ in range(5):
            assert client.request(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 502
        (target,) = at.plane.inner.snapshot.services["up"].targets  # type: ignore[union-attr]
        at.wait(lambda: not target.pool.open, "no connection is counted any more")
        assert target.in_flight == 0
        assert at.plane.counted("sluicegate_upstream_connections") == 0
