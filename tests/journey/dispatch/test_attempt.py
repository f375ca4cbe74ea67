"""One try at a target."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from support.front import front, settles
from support.mock_clock import MockClock
from support.ports import free_port
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


@pytest.mark.parametrize("hook", ["on_head", "on_chunk", "on_end"])
def test_a_hook_that_fails_ends_the_exchange_and_is_no_failure_of_the_target(
    tmp_path: Path, hook: str
) -> None:
    def fails(*_: object) -> bytes:
        raise KeyError("a mistake")

    async def asks(exchange: Any) -> None:
        getattr(exchange, hook)(fails)
        await chain(exchange)

    service = {"ejection": {"consecutive": 1, "max_share": 100}}
    with front(tmp_path, echo, echo, service=service, expects_errors=True) as at:
        route: Any = at.plane.inner.snapshot.routes["all"]  # type: ignore[union-attr]
        chain, route.chain = route.chain, asks
        with at.connect() as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert not client.read_all().endswith(b"0\r\n\r\n")
        settles(at)
        assert [each.in_flight for each in at.service.targets] == [0, 0]
        assert [each.standing.state for each in at.service.targets] == ["in", "in"]
        assert [line["event"] for line in at.logs if line["log_level"] == "error"] == [
            "stage failed"
        ]
        assert not at.failures


def test_a_refused_connection_counts_as_slow_and_not_as_forever(tmp_path: Path) -> None:
    service = {"targets": [f"http://127.0.0.1:{free_port()}"], "balance": "peak_ewma"}
    with front(tmp_path, echo, service=service) as at, at.connect() as client:
        assert client.request(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 503
        assert 0 < at.target().latency.at(at.clock.monotonic()) <= 5


@pytest.mark.parametrize("sends", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_the_total_time_that_a_slow_client_used_up_is_not_the_targets_failure(
    tmp_path: Path, sends: bytes
) -> None:
    async def begins(talk: Talk) -> None:
        await talk.head()
        await talk.send(sends)
        await talk.gone()

    service = {"timeouts": {"total": "2s"}, "ejection": {"consecutive": 1, "max_share": 100}}
    with front(tmp_path, begins, begins, clock=MockClock(), service=service) as at:
        with at.connect() as client:
            client.send(POST + b"Content-Length: 6\r\n\r\nabc")
            at.wait(lambda: sum(len(each.requests) for each in at.upstreams), "it is sent")
            if sends:
                client.head()
            at.advance(3)
            if sends:
                client.read_all()
            else:
                assert client.answer().status == 504
        settles(at)
        assert [each.standing.state for each in at.service.targets] == ["in", "in"]


def test_a_full_pool_is_counted_and_says_nothing_of_its_target(tmp_path: Path) -> None:
    async def stalls(talk: Talk) -> None:
        await talk.head()
        await talk.gone()

    service = {
        "pool": {"max_connections": 1},
        "timeouts": {"connect": "1s"},
        "ejection": {"consecutive": 1, "max_share": 100},
        "retry": {"attempts": 1},
    }
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    with front(tmp_path, stalls, service=service) as at:
        with at.connect() as first, at.connect() as second:
            first.send(request)
            at.wait(lambda: at.upstream.requests, "the only connection is in use")
            assert second.request(request).status == 503
            assert at.plane.counted("sluicegate_upstream_failures_total", "pool_full") == 1
            assert at.target().standing.state == "in"
        settles(at)
