"""One check of one target, against real ones."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import pytest

from sluicegate.errors import (
    ConnectFailed,
    UpstreamAnswered,
    UpstreamError,
    UpstreamInvalid,
    UpstreamReset,
    UpstreamTimeout,
)
from sluicegate.model.resilience import Check
from sluicegate.model.service import Service, Timeouts, UpstreamTls
from sluicegate.model.units import Duration
from sluicegate.upstream.contexts import ClientContexts
from sluicegate.upstream.health.check import MAX_BODY_BYTES, TargetCheck
from sluicegate.upstream.resolve import Resolver
from sluicegate.wire.deadlines import Deadlines
from support.certificates import Authority, Pair
from support.loops import run
from support.mock_clock import MockClock
from support.ports import free_port
from support.tcp_proxy import TcpProxy
from support.upstreams import Script, Talk, Upstream, answering, chunked, response

PATH = {"path": "/health"}


def check_of(
    url: str, clock: MockClock, check: dict[str, Any] | None, **config: Any
) -> TargetCheck:
    given = None if check is None else Check(**check)
    service = Service(targets=[url], check=given, **config)
    contexts, deadlines = ClientContexts(), Deadlines(clock)
    return TargetCheck(service.entries[0], service, clock, Resolver(clock), deadlines, contexts)


@dataclass
class At:
    """A check of an upstream."""

    upstream: Upstream
    check: TargetCheck
    clock: MockClock


Body = Callable[[At], Awaitable[None]]


async def turns_until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - it is the loop that has to turn
        await asyncio.sleep(0)


def against(
    script: Script,
    body: Body,
    check: dict[str, Any] | None = PATH,
    **config: Any,
) -> None:
    """Run `body` with an upstream and the check of it."""

    async def whole() -> None:
        upstream, clock = Upstream(script), MockClock()
        await upstream.start()
        try:
            await body(At(upstream, check_of(upstream.url, clock, check, **config), clock))
            await turns_until(lambda: not upstream.open)  # no check leaves a connection behind
        finally:
            await upstream.stop()

    run(whole())


async def passes(at: At) -> None:
    await at.check.make()


def fails(error: type[UpstreamError], match: str | None = None) -> Body:
    async def body(at: At) -> None:
        with pytest.raises(error, match=match):
            await at.check.make()

    return body


def test_it_is_a_request_of_its_own_to_the_target_as_it_is_called() -> None:
    async def body(at: At) -> None:
        await at.check.make()
        (request,) = at.upstream.requests
        assert request.line == b"GET /health?deep=1 HTTP/1.1"
        assert request.headers == [
            (b"Host", f"127.0.0.1:{at.upstream.port}".encode()),
            (b"User-Agent", b"sluicegate-check"),
            (b"Accept", b"*/*"),
            (b"Connection", b"close"),
        ]

    against(answering(response()), body, {"path": "/health?deep=1"})


def test_it_may_ask_under_another_name() -> None:
    async def body(at: At) -> None:
        await at.check.make()
        assert at.upstream.requests[0].get(b"host") == b"api.example"

    against(answering(response()), body, {**PATH, "host": "api.example"})


@pytest.mark.parametrize("status", [200, 204, 299])
def test_any_status_of_the_range_will_do(status: int) -> None:
    against(answering(f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n".encode()), passes)


def test_single_statuses_and_ranges_can_be_named() -> None:
    statuses = {**PATH, "statuses": ("200", "401-403")}
    for status in (200, 401, 403):
        against(answering(response(status)), passes, statuses)
    for status in (201, 400, 404):
        against(answering(response(status)), fails(UpstreamAnswered, str(status)), statuses)


def test_a_redirect_is_an_answer_like_any_other() -> None:
    async def body(at: At) -> None:
        with pytest.raises(UpstreamAnswered, match="301"):
            await at.check.make()
        assert len(at.upstream.requests) == 1

    against(answering(response(301, {"Location": "/other"})), body)


def test_what_comes_before_the_answer_is_not_the_answer() -> None:
    against(answering(b"HTTP/1.1 103 Early Hints\r\n\r\n" + response(200)), passes)


def test_a_protocol_that_nobody_asked_for_is_no_answer() -> None:
    switching = b"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    against(answering(switching), fails(UpstreamAnswered, "101"))


@pytest.mark.parametrize("body", [response(body=b"x" * 1000), chunked(b"a", b"b")])
def test_the_body_does_not_matter(body: bytes) -> None:
    against(answering(body), passes)


def test_a_body_without_end_is_not_read_to_its_end() -> None:
    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await talk.send(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")

    against(script, passes)
    assert MAX_BODY_BYTES < 1 << 20


@pytest.mark.parametrize("piece", [b"", b"HTTP/1.1 200 OK\r\n", response(body=b"abc")[:-1]])
def test_a_target_that_hangs_fails_when_the_time_is_over(piece: bytes) -> None:
    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(piece)
        await talk.stall()

    async def body(at: At) -> None:
        making = asyncio.create_task(at.check.make())
        await turns_until(lambda: at.upstream.requests)
        at.clock.advance(1.9)
        await asyncio.sleep(0)
        assert not making.done()
        at.clock.advance(0.2)
        with pytest.raises(UpstreamTimeout, match="nothing within 2 s"):
            await making
        await at.upstream.stop()

    against(script, body, {**PATH, "timeout": Duration(2)})


def test_a_check_that_is_cancelled_is_cancelled() -> None:
    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.gone()

    async def body(at: At) -> None:
        making = asyncio.create_task(at.check.make())
        await turns_until(lambda: at.upstream.requests)
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making

    against(script, body)


def test_a_target_that_cuts_or_talks_nonsense_fails() -> None:
    async def cuts(talk: Talk) -> None:
        await talk.request()
        talk.reset()

    async def closes(talk: Talk) -> None:
        await talk.request()

    against(cuts, fails(UpstreamReset))
    against(closes, fails(UpstreamReset))
    against(answering(b"SSH-2.0-OpenSSH_9.2\r\n"), fails(UpstreamInvalid))


@pytest.mark.parametrize("check", [None, {}, PATH])
def test_a_target_that_refuses_connections_fails(check: dict[str, Any] | None) -> None:
    async def whole() -> None:
        one = check_of(f"http://127.0.0.1:{free_port()}", MockClock(), check)
        with pytest.raises(ConnectFailed):
            await one.make()

    run(whole())


@pytest.mark.parametrize("check", [None, {}])
def test_without_a_path_a_connection_is_enough_and_nothing_is_sent(
    check: dict[str, Any] | None,
) -> None:
    async def script(talk: Talk) -> None:
        assert await talk.gone() == b""

    against(script, passes, check)


def test_a_probe_waits_no_longer_than_a_request_would_and_a_second_at_most() -> None:
    def limit(connect: float) -> float:
        timeouts = Timeouts(connect=Duration(connect))
        return check_of("http://127.0.0.1:1", MockClock(), None, timeouts=timeouts)._within_s

    assert [limit(connect) for connect in (0.25, 3, 0)] == [0.25, 1, 1]


def test_a_check_without_a_bound_has_one_nevertheless() -> None:
    one = check_of("http://127.0.0.1:1", MockClock(), {"timeout": Duration(0)})
    assert 0 < one._within_s < inf


def test_a_proxy_that_accepts_and_says_nothing_is_noticed() -> None:
    async def whole() -> None:
        upstream, clock = Upstream(answering(response())), MockClock()
        await upstream.start()
        proxy = TcpProxy(upstream.port)
        await proxy.start()
        one = check_of(f"http://127.0.0.1:{proxy.port}", clock, PATH)
        await one.make()
        proxy.black_hole = True
        making = asyncio.create_task(one.make())
        await turns_until(lambda: proxy.accepted == 2)
        clock.advance(2.1)
        with pytest.raises(UpstreamTimeout):
            await making
        proxy.heal()
        await one.make()
        await proxy.stop()
        await upstream.stop()

    run(whole())


# --- TLS -----------------------------------------------------------------------------------------


def over_tls(pair: Pair, body: Callable[[str], Awaitable[None]]) -> None:
    """Run `body` with the URL of a target that speaks TLS and answers 200."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(response())
            await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    async def whole() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.certificate, pair.key)
        server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
        try:
            await body(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        finally:
            server.close()

    run(whole())


@pytest.mark.parametrize("check", [None, {}, PATH], ids=["probe", "connection", "request"])
def test_a_target_over_tls_is_verified_as_for_requests(
    tmp_path: Path, check: dict[str, Any] | None
) -> None:
    known, unknown = Authority(tmp_path), Authority(tmp_path, "other")

    async def body(url: str) -> None:
        def one(**tls: Any) -> TargetCheck:
            return check_of(url, MockClock(), check, tls=UpstreamTls(**tls))

        await one(ca=str(known.ca), server_name="users.internal").make()
        await one(verify=False).make()
        with pytest.raises(ConnectFailed):
            await one(ca=str(known.ca), server_name="other.internal").make()
        with pytest.raises(ConnectFailed):
            await one(ca=str(unknown.ca), server_name="users.internal").make()

    over_tls(known.issue(["users.internal"]), body)
