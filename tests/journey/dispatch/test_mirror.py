"""`mirror`: what is copied, what is not, and that nobody notices."""

from __future__ import annotations

import asyncio
import math
import threading
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from sluicegate.journey.dispatch.mirror import Config, Policy
from sluicegate.model.units import convert
from support.exchanges import body, counted, exchange, parts, target
from support.front import opened, settles
from support.mock_clock import MockClock
from support.shadow import mirrored, settled, shadowed
from support.upstreams import Talk, answering, chunked, echo, reset, response, silent

GET = b"GET /a?b=c HTTP/1.1\r\nHost: api.example.com\r\nX-A: 1\r\n\r\n"
OK = answering(response(body=b"ok"))


def post(body: bytes, more: str = "") -> bytes:
    return b"POST /p HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n%b" % (
        more.encode(),
        len(body),
        body,
    )


def test_a_copy_is_the_request_and_a_mark(tmp_path: Path) -> None:
    with shadowed(tmp_path, OK, OK) as at, at.connect() as client:
        assert client.request(GET).body == b"ok"
        settled(at, "ok")
        original, copy = (each.requests[0] for each in at.upstreams)
        assert (copy.line, copy.get(b"host")) == (original.line, b"api.example.com")
        assert copy.get(b"sluicegate-mirrored") == b"1"
        assert original.get(b"sluicegate-mirrored") is None
        marked = [pair for pair in copy.headers if pair[0] != b"sluicegate-mirrored"]
        assert marked == original.headers


def test_a_client_cannot_mark_its_own_request(tmp_path: Path) -> None:
    claims = GET.replace(b"X-A", b"Sluicegate-Mirrored")
    with shadowed(tmp_path, OK, OK) as at, at.connect() as client:
        client.request(claims)
        settled(at, "ok")
        assert at.upstreams[0].requests[0].get(b"sluicegate-mirrored") is None
        assert at.upstreams[1].requests[0].all(b"sluicegate-mirrored") == [b"1"]


@pytest.mark.parametrize("size", [0, 1, 65536])
def test_a_body_is_copied_whole(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * 256
    with shadowed(tmp_path, OK, OK) as at, at.connect() as client:
        client.request(post(data[:size]))
        settled(at, "ok")
        assert [each.requests[0].body for each in at.upstreams] == [data[:size]] * 2


def test_a_chunked_body_is_copied_with_its_trailers(tmp_path: Path) -> None:
    sent = (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nab\r\n3\r\ncde\r\n0\r\nX-T: 1\r\n\r\n"
    )
    with shadowed(tmp_path, OK, OK) as at, at.connect() as client:
        client.request(sent)
        settled(at, "ok")
        assert at.upstreams[1].requests[0].body == b"abcde"
        assert at.upstreams[1].requests[0].trailers == [(b"x-t", b"1")]


def test_larger_bodies_are_not_copied_announced_or_not(tmp_path: Path) -> None:
    streamed = (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"9\r\n123456789\r\n2\r\nab\r\n0\r\n\r\n"
    )
    with shadowed(tmp_path, OK, OK, max_body=10) as at, at.connect() as client:
        assert client.request(post(b"12345678901")).status == 200
        assert client.request(streamed).status == 200
        settled(at, "too_large", 2)
        assert client.request(post(b"1234567890")).status == 200
        at.wait(lambda: at.upstreams[1].requests, "one was copied")
        assert [one.body for one in at.upstreams[0].requests][1] == b"123456789ab"


@pytest.mark.parametrize(
    ("script", "result"),
    [
        (answering(response(404)), "ok"),
        (answering(response(500)), "error"),
        (answering(b"nonsense\r\n\r\n"), "failed"),
        (reset, "failed"),
        (answering(chunked(b"a" * 200_000, b"b" * 200_000)), "ok"),
    ],
)
def test_whatever_becomes_of_a_copy_the_answer_is_the_services(
    tmp_path: Path, script: Any, result: str
) -> None:
    put = post(b"x").replace(b"POST", b"PATCH")  # is not sent twice
    with shadowed(tmp_path, echo, script) as at, at.connect() as client:
        assert client.request(put).body.endswith(b"\r\n\r\nx")
        settled(at, result)
        assert client.request(GET).status == 200


def test_a_silent_copy_holds_nothing_up_and_is_given_up(tmp_path: Path) -> None:
    clock = MockClock()
    with shadowed(tmp_path, OK, silent, clock=clock, max_time="2s") as at, at.connect() as client:
        for _ in range(3):
            assert client.request(GET).body == b"ok"
        settles(at)
        at.wait(lambda: len(at.upstreams[1].requests) == 3, "the copies are there")
        at.advance(2.5)
        settled(at, "timeout", 3)
        standing = at.plane.inner.snapshot.services["shadow"].targets[0].standing  # type: ignore[union-attr]
        assert standing.state == "in"


def test_only_so_many_copies_are_on_their_way(tmp_path: Path) -> None:
    gate = threading.Event()

    async def held(talk: Talk) -> None:
        while True:
            await talk.request()
            await opened(gate)
            await talk.send(response())

    with shadowed(tmp_path, OK, held, max_in_flight=2) as at, at.connect() as client:
        for _ in range(5):
            assert client.request(GET).status == 200
        assert mirrored(at, "too_many") == 3
        gate.set()
        at.wait(lambda: at.plane.counted("sluicegate_mirrored_total", "ok") == 2, "two came back")
        client.request(GET)
        at.wait(lambda: at.plane.counted("sluicegate_mirrored_total", "ok") == 3, "room again")


def test_a_copy_goes_on_after_its_client_has_left(tmp_path: Path) -> None:
    gate = threading.Event()

    async def held(talk: Talk) -> None:
        await talk.request()
        await opened(gate)
        await talk.send(response())
        await talk.gone()

    with shadowed(tmp_path, silent, held) as at:
        with at.connect() as client:
            client.send(GET)
            at.wait(lambda: at.upstreams[1].requests, "the copy is there")
        settles(at)
        gate.set()
        settled(at, "ok")


def test_a_request_that_never_becomes_whole_is_not_copied(tmp_path: Path) -> None:
    async def reads(talk: Talk) -> None:
        await talk.gone()

    with shadowed(tmp_path, reads, OK) as at:
        with at.connect() as client:
            client.send(post(b"abc")[:-1])
            at.wait(lambda: at.upstreams[0].open, "it is on its way")
        settled(at, "incomplete")
        assert at.upstreams[1].requests == []


def test_an_upgrade_is_not_copied_unless_it_is_ignored(tmp_path: Path) -> None:
    asks = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: %b\r\n\r\n"
    with shadowed(tmp_path, OK, OK) as at, at.connect() as client:
        client.request(asks % b"websocket")
        client.request(asks % b"h2c")
        settled(at, "ok")
        (copy,) = at.upstreams[1].requests
        assert copy.get(b"upgrade") is None


def test_a_reload_leaves_copies_that_are_under_way_alone(tmp_path: Path) -> None:
    with shadowed(tmp_path, OK, silent) as at, at.connect() as client:
        client.request(GET)
        at.wait(lambda: at.upstreams[1].requests, "the copy is there")
        at.call(at.plane.apply(at.plane.file.read_text().replace("/**", "/a/**")))
        assert client.request(GET).status == 200
        assert mirrored(at, "cancelled") == 0


@pytest.mark.parametrize("share", [0, 1, 50, 100])
def test_a_share_of_the_requests_is_chosen(share: float) -> None:
    made = parts(MockClock())
    chosen = Policy(convert({"service": "x", "share": share, "max_body": 0}, Config), made)
    chosen.random = Random(3)

    async def work() -> None:
        for _ in range(1000):
            await chosen.handle(exchange("POST", request_body=body(b"1", 1)), target())

    asyncio.run(work())
    many = counted(made, "sluicegate_mirrored_total", "route:things", "x", "too_large")
    deviation = math.sqrt(1000 * share / 100 * (1 - share / 100))
    assert many == pytest.approx(share * 10, abs=4 * deviation)


def test_the_end_of_the_gateway_cancels_copies(tmp_path: Path) -> None:
    with shadowed(tmp_path, OK, silent) as at, at.connect() as client:
        client.request(GET)
        at.wait(lambda: at.upstreams[1].requests, "the copy is there")
        at.call(at.plane.inner.close())
        settled(at, "cancelled")


@pytest.mark.parametrize(
    "config",
    [{}, {"service": "a", "share": 101}, {"service": "a", "max_in_flight": 0}],
)
def test_settings_that_mean_nothing_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        convert(config, Config)


def test_an_answer_that_does_not_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    async def endless(talk: Talk) -> None:
        await talk.request()
        await talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await talk.send(b"8000\r\n" + b"a" * 0x8000 + b"\r\n")

    with shadowed(tmp_path, echo, endless) as at, at.connect() as client:
        assert client.request(GET).status == 200
        settled(at, "ok")
        at.wait(lambda: not at.upstreams[1].open, "its connection is closed")
