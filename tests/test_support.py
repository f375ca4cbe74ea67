"""The tools of the tests do what the tests rely on."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest
import websockets.sync.client

from support.applications import SseSource, WebSocketEcho, httpbin, static_nginx
from support.gateway import data_plane
from support.loops import LoopThread, in_thread, run
from support.mock_clock import MockClock
from support.ports import eventually, free_port, listens
from support.raw_http import ask, connect, get
from support.tcp_proxy import TcpProxy
from support.upstreams import Talk, Upstream, answering, chunked, echo, response


def test_an_upstream_records_what_it_receives_byte_for_byte() -> None:
    with in_thread(Upstream(echo)) as upstream:
        sent = b"POST /a?b HTTP/1.1\r\nHoSt: x\r\nContent-Length: 3\r\n\r\nabc"
        answer = ask(upstream.port, sent)
    assert answer.body == sent
    (received,) = upstream.requests
    assert (received.method, received.target, received.body) == (b"POST", b"/a?b", b"abc")
    assert received.headers[0] == (b"HoSt", b"x")


def test_answers_are_given_in_turn_and_the_last_one_for_ever() -> None:
    script = answering(response(201), chunked(b"a", b"bc", trailers="X-Sum: 3\r\n"))
    with in_thread(Upstream(script)) as upstream, connect(upstream.port) as connection:
        question = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        assert connection.request(question).status == 201
        for _ in range(2):
            answer = connection.request(question)
            assert (answer.body, answer.trailers) == (b"abc", [("x-sum", "3")])


def test_a_response_that_lies_about_its_length_is_seen_as_cut() -> None:
    async def lie(talk: Talk) -> None:
        await talk.request()
        await talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        talk.reset()

    with in_thread(Upstream(lie)) as upstream:
        answer = get(upstream.port, "/")
    assert not answer.whole


def test_a_script_that_fails_fails_its_test() -> None:
    async def fail(_: Talk) -> None:
        raise ValueError("the script is wrong")

    async def stopped() -> None:
        upstream = Upstream(fail)
        await upstream.start()
        await asyncio.to_thread(connect_and_wait, upstream.port)
        await upstream.stop()

    with pytest.raises(ValueError, match="the script is wrong"):
        run(stopped())


def connect_and_wait(port: int) -> None:
    with connect(port) as connection:
        assert connection.closed()


def test_a_proxy_delays_starves_and_cuts() -> None:
    with (
        in_thread(Upstream(answering(response(body=b"x" * 1000)))) as upstream,
        in_thread(TcpProxy(upstream.port)) as proxy,
    ):
        assert len(get(proxy.port, "/").body) == 1000
        proxy.delay_s = 0.05
        began = time.monotonic()
        get(proxy.port, "/")
        assert time.monotonic() - began >= 0.1
        proxy.heal()
        proxy.cut_after = 500
        assert not get(proxy.port, "/").whole
        proxy.heal()
        proxy.black_hole = True
        with connect(proxy.port, timeout_s=0.1) as connection, pytest.raises(TimeoutError):
            connection.request(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        proxy.heal()
        proxy.refusing = True
        connect_and_wait(proxy.port)


def test_a_proxys_link_is_shared_and_its_delay_does_not_slow_it_down() -> None:
    size = 65_536
    with (
        in_thread(Upstream(answering(response(body=b"x" * size)))) as upstream,
        in_thread(TcpProxy(upstream.port)) as proxy,
    ):
        proxy.bytes_per_s = 4 * size
        began = time.monotonic()
        threads = [threading.Thread(target=get, args=(proxy.port, "/")) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - began >= 2 * size / proxy.bytes_per_s
        proxy.heal()
        proxy.delay_s = 0.2
        assert len(get(proxy.port, "/").body) == size  # in pieces, each of which has the delay


def test_a_proxy_goes_down_and_comes_up_on_its_port() -> None:
    with in_thread(Upstream(echo)) as upstream:
        proxy = TcpProxy(upstream.port)
        thread = LoopThread()
        try:
            thread.call(proxy.start())
            with connect(proxy.port) as connection:
                connection.request(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                thread.loop.call_soon_threadsafe(proxy.go_down)
                assert connection.closed()
            eventually(lambda: not listens(proxy.port), "the port is closed")
            thread.call(proxy.come_up())
            assert get(proxy.port, "/").status == 200
            thread.call(proxy.stop())
        finally:
            thread.close()


def test_httpbin_answers() -> None:
    with httpbin() as port:
        assert get(port, "/status/418").status == 418


def test_a_static_nginx_serves_files(tmp_path: Path) -> None:
    with static_nginx(tmp_path / "nginx", {"a/b.txt": b"hello"}) as port:
        assert get(port, "/a/b.txt").body == b"hello"


def test_the_websocket_application_echoes() -> None:
    with in_thread(WebSocketEcho()) as application:
        uri = f"ws://127.0.0.1:{application.port}/chat"
        with websockets.sync.client.connect(uri, proxy=None) as client:
            client.send("hi")
            assert client.recv() == "hi"
    assert application.paths == ["/chat"]


def test_the_event_source_sends_one_event_at_a_time() -> None:
    with in_thread(SseSource()) as source, connect(source.port) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.head().get("content-type") == "text/event-stream"
        eventually(lambda: source.streams == 1, "the stream is open")
        source.emit(b"one")
        assert connection.chunk() == b"data: one\n\n"
        source.emit(None)
        assert connection.chunk() == b""


def test_no_port_is_handed_out_twice() -> None:
    assert len({free_port() for _ in range(20)}) == 20


def test_a_plane_whose_time_a_test_moves_is_closed_whatever_is_still_connected(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with data_plane(tmp_path, "routes: {}", MockClock()) as plane:
            reader, writer = await asyncio.open_connection("127.0.0.1", plane.port)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await reader.readline()).split()[1] == b"404"
        writer.close()

    run(work())
