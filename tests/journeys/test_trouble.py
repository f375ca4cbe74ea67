"""Upstreams that fail, clients that dawdle or leave: what the other side notices of it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from support.front import Front, front, opened, settles
from support.mock_clock import MockClock
from support.ports import free_port
from support.raw_http import Answer, Connection
from support.upstreams import Talk, answering, chunked, echo, response

HOST = b"Host: a.example\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
MB = 1_000_000
INCOMPLETE = "sluicegate_responses_incomplete_total"


async def silent(talk: Talk) -> None:
    """Take a head, and wait for the gateway to give up."""
    await talk.head()
    await talk.gone()


def problem(answer: Answer, status: int, slug: str) -> None:
    """Assert that an answer is this problem and shows nothing of the upstream."""
    assert answer.status == status
    assert answer.get("content-type") == "application/problem+json"
    told = json.loads(answer.body)
    assert told["type"] == "urn:sluicegate:problem:" + slug
    assert "127.0.0.1" not in answer.body.decode()


def being_served(at: Front) -> None:
    """Wait until the upstream has a request."""
    at.wait(lambda: at.upstream.requests and at.in_flight, "the upstream has the request")


def upstream_gone(at: Front) -> None:
    """Wait until every connection to the upstream is closed, and nothing is in flight."""
    at.wait(lambda: not at.upstream.open, "the upstream's connections are closed")
    settles(at)


# --- upstreams that do not answer properly ----------


def test_an_upstream_that_refuses_gets_503(tmp_path: Path) -> None:
    gone = {"targets": [f"http://127.0.0.1:{free_port()}"]}
    with front(tmp_path, echo, service=gone) as at, at.connect() as client:
        problem(client.request(GET), 503, "upstream-unreachable")
        problem(client.request(POST + b"Content-Length: 3\r\n\r\nabc"), 503, "upstream-unreachable")


def test_a_name_without_an_address_gets_503(tmp_path: Path) -> None:
    nowhere = {"targets": ["http://no-such-name.invalid:80"]}
    with front(tmp_path, echo, service=nowhere) as at, at.connect() as client:
        problem(client.request(GET), 503, "upstream-unreachable")


@pytest.mark.parametrize("end", [Talk.reset, Talk.close])
def test_an_upstream_that_ends_the_connection_gets_502(
    tmp_path: Path, end: Callable[[Talk], object]
) -> None:
    async def ends(talk: Talk) -> None:
        await talk.head()
        if asyncio.iscoroutine(ending := end(talk)):
            await ending

    with front(tmp_path, ends) as at, at.connect() as client:
        for _ in range(2):
            problem(client.request(GET), 502, "upstream-failed")
        assert len(at.upstream.requests) == 4  # each request was sent once more


def test_an_upstream_that_ends_in_its_head_gets_502(tmp_path: Path) -> None:
    async def half_a_head(talk: Talk) -> None:
        await talk.head()
        await talk.send(b"HTTP/1.1 200 OK\r\nContent-Le")
        await talk.close()

    with front(tmp_path, half_a_head) as at, at.connect() as client:
        problem(client.request(GET), 502, "upstream-failed")


INVALID = {
    "garbage": b"hello?\r\n\r\n",
    "an SSH greeting": b"SSH-2.0-OpenSSH_9.6\r\n",
    "binary": bytes(range(200)),
    "another protocol": b"ICY 200 OK\r\n\r\n",
    "HTTP/2": b"HTTP/2 200\r\n\r\n",
    "a status that is none": b"HTTP/1.1 2x0 OK\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "a folded line": b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "a bare LF": b"HTTP/1.1 200 OK\r\nX-A: b\nX-C: d\r\nContent-Length: 0\r\n\r\n",
    "a bare CR": b"HTTP/1.1 200 OK\r\nX-A: b\rX-C: d\r\nContent-Length: 0\r\n\r\n",
    "NUL in a value": b"HTTP/1.1 200 OK\r\nX-A: \0\r\nContent-Length: 0\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nX-A : b\r\nContent-Length: 0\r\n\r\n",
    "a length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Length: 3\r\n\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\na",
    "an unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\na",
    "a coding below chunked": b"HTTP/1.1 200 OK\r\n"
    b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks in 204": b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an upgrade that nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x00",
    "an upgrade to nothing": b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + response(),
    "a head too large": b"HTTP/1.1 200 OK\r\n" + b"X-A: %b\r\n" % (b"a" * 1000) * 600 + b"\r\n",
    "a header that never ends": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 600_000,
}


@pytest.mark.parametrize("name", INVALID)
def test_what_is_no_valid_response_gets_502(tmp_path: Path, name: str) -> None:
    async def invalid(talk: Talk) -> None:
        await talk.head()
        await talk.send(INVALID[name])
        await talk.gone()

    with front(tmp_path, invalid) as at, at.connect() as client:
        problem(client.request(GET), 502, "upstream-failed")
        upstream_gone(at)
        assert client.request(GET).status == 502  # the client's connection is none the worse


async def cut_in_length(talk: Talk) -> None:
    await talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")


async def cut_in_chunk(talk: Talk) -> None:
    await talk.send(CHUNKED_HEAD + b"a\r\nabc")


async def cut_between_chunks(talk: Talk) -> None:
    await talk.send(CHUNKED_HEAD + b"3\r\nabc\r\n")


def read_to_end(client: Connection) -> None:
    """Read until a clean end; a reset raises."""
    while client.sock.recv(100):
        continue


@pytest.mark.parametrize("answer", [cut_in_length, cut_in_chunk, cut_between_chunks])
@pytest.mark.parametrize("last", [b"", b"zz\r\n"])
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_a_response_that_is_cut_is_cut_to_the_client_too(
    tmp_path: Path, answer: Callable[[Talk], Awaitable[None]], version: bytes, last: bytes
) -> None:
    go = threading.Event()

    async def script(talk: Talk) -> None:
        await talk.head()
        await answer(talk)
        await opened(go)
        if last:  # for chunks it is no size; it is too short for the rest
            await talk.send(last)

    with front(tmp_path, script) as at, at.connect() as client:
        client.send(b"GET / HTTP/" + version + b"\r\n" + HOST + b"\r\n")
        head = client.head()
        assert head.status == 200
        client.read_until(b"abc")
        go.set()
        if "chunked" in (head.get("transfer-encoding") or ""):
            assert not client.read_all().endswith(b"0\r\n\r\n")
        elif head.get("content-length") is None:
            with pytest.raises(ConnectionResetError):  # here a clean close would be an end
                read_to_end(client)
        else:
            assert len(client.read_all()) < 7
        settles(at)
    assert at.plane.counted(INCOMPLETE) == 1


def test_a_body_until_close_that_is_reset_is_cut(tmp_path: Path) -> None:
    go = threading.Event()

    async def script(talk: Talk) -> None:
        await talk.head()
        await talk.send(b"HTTP/1.1 200 OK\r\n\r\nabc")
        await opened(go)
        talk.reset()

    with front(tmp_path, script) as at, at.connect() as client:
        client.send(GET)
        client.read_until(b"abc")
        go.set()
        assert not client.read_all().endswith(b"0\r\n\r\n")


def test_bytes_past_the_announced_length_reach_nobody(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.head()
        await talk.send(response(body=b"abc") + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await talk.gone()

    with front(tmp_path, script) as at, at.connect() as client:
        for _ in range(3):
            answer = client.request(GET)
            assert (answer.status, answer.body) == (200, b"abc")
            assert not client.buffer
            at.wait(lambda: not at.upstream.open, "the connection is not kept")
        assert at.upstream.connections == 3


def test_a_response_nobody_asked_for_is_not_given_to_the_next_request(tmp_path: Path) -> None:
    planted = threading.Event()

    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(response(body=b"%d" % talk.number))
        if talk.number == 0:
            planted.wait(5)
            await talk.send(response(body=b"evil"))
        await talk.gone()

    with front(tmp_path, script) as at, at.connect() as client:
        planted.set()
        assert client.request(GET).body == b"0"
        at.wait(lambda: not at.upstream.open, "the connection is not kept")
        assert client.request(GET).body == b"1"


def test_a_body_behind_a_head_response_is_not_taken_for_the_next_one(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.head()
        await talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await talk.gone()

    with front(tmp_path, script) as at, at.connect() as client:
        head = b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n"
        assert client.request(head, head=True).status == 200
        at.wait(lambda: not at.upstream.open, "the connection is not kept")
        assert client.request(head, head=True).status == 200
        assert not client.buffer
        assert at.upstream.connections == 2


# --- time-outs of upstreams ----------


def test_an_upstream_that_stays_silent_gets_504(tmp_path: Path) -> None:
    times = {"timeouts": {"first_byte": "5s"}, "retry": {"attempts": 1}}
    with front(tmp_path, silent, clock=MockClock(), service=times) as at, at.connect() as client:
        client.send(GET)
        being_served(at)
        at.advance(4.5)
        assert at.in_flight
        at.advance(1)
        problem(client.answer(), 504, "upstream-timeout")
        upstream_gone(at)
        assert at.upstream.connections == 1


def test_a_route_may_wait_longer_than_its_service(tmp_path: Path) -> None:
    own = {"timeouts": {"first_byte": "20s"}}
    with (
        front(
            tmp_path,
            silent,
            clock=MockClock(),
            service={"timeouts": {"first_byte": "5s"}, "retry": {"attempts": 1}},
            route=own,
        ) as at,
        at.connect() as client,
    ):
        client.send(GET)
        being_served(at)
        at.advance(19)
        assert at.in_flight
        at.advance(2)
        problem(client.answer(), 504, "upstream-timeout")


def test_a_response_that_stalls_is_cut(tmp_path: Path) -> None:
    async def stalls(talk: Talk) -> None:
        await talk.head()
        await talk.send(CHUNKED_HEAD + b"3\r\nabc\r\n")
        await talk.gone()

    times = {"timeouts": {"idle": "5s"}}
    with front(tmp_path, stalls, clock=MockClock(), service=times) as at, at.connect() as client:
        client.send(GET)
        client.read_until(b"abc\r\n")
        at.advance(6)
        assert client.read_all() == b""
        upstream_gone(at)


def test_a_response_that_trickles_is_cut_by_the_total_time_out(tmp_path: Path) -> None:
    async def trickles(talk: Talk) -> None:
        await talk.head()
        await talk.send(CHUNKED_HEAD)
        while not talk.reader.at_eof():
            await talk.send(b"1\r\na\r\n")
            await asyncio.sleep(0.001)

    times = {"timeouts": {"idle": "5s", "total": "8s"}}
    with front(tmp_path, trickles, clock=MockClock(), service=times) as at, at.connect() as client:
        client.send(GET)
        assert client.head().status == 200
        for _ in range(7):
            at.advance(1)
            assert client.chunk() == b"a"
        at.advance(2)
        assert not client.read_all().endswith(b"0\r\n\r\n")
        upstream_gone(at)


def test_the_gateways_own_bound_on_an_exchange_answers_504_or_cuts(tmp_path: Path) -> None:
    async def second_stalls(talk: Talk) -> None:
        received = await talk.head()
        if received.target == b"/cut":
            await talk.send(CHUNKED_HEAD + b"3\r\nabc\r\n")
        await talk.gone()

    bound = {"total_timeout": "3s"}
    with front(tmp_path, second_stalls, clock=MockClock(), http=bound) as at:
        with at.connect() as client:
            client.send(GET)
            being_served(at)
            at.advance(4.5)
            problem(client.answer(), 504, "upstream-timeout")
        with at.connect() as client:
            client.send(GET.replace(b" / ", b" /cut "))
            client.read_until(b"abc\r\n")
            at.advance(4.5)
            assert client.read_all() == b""
        upstream_gone(at)


# --- connections that went stale ----------


def stale(
    *, first: Callable[[Talk], object] = Talk.close, times: int = 1
) -> Callable[[Talk], object]:
    """Make a script whose first connections serve one request and end at the next one's head."""

    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(response(body=b"%d" % talk.number))
        while True:
            received = await talk.head()
            if talk.number < times:
                if asyncio.iscoroutine(ending := first(talk)):
                    await ending
                return
            await talk.body(received)
            await talk.send(response(body=b"%d" % talk.number))

    return script


@pytest.mark.parametrize("end", [Talk.close, Talk.reset])
@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS"])
def test_an_idempotent_request_on_a_stale_connection_is_sent_once_more(
    tmp_path: Path, end: Callable[[Talk], object], method: bytes
) -> None:
    body = b"" if method in (b"GET", b"HEAD") else b"Content-Length: 5\r\n\r\nhello"
    sent = method + b" /again HTTP/1.1\r\n" + HOST + (body or b"\r\n")
    with front(tmp_path, stale(first=end)) as at, at.connect() as client:  # type: ignore[arg-type]
        client.request(GET)
        assert client.request(sent, head=method == b"HEAD").status == 200
        again = [seen for seen in at.upstream.requests if seen.target == b"/again"]
        assert [seen.connection for seen in again] == [0, 1]
        assert again[0].raw_head == again[1].raw_head
        assert again[1].body == (b"hello" if body else b"")


@pytest.mark.parametrize("method", [b"POST", b"PATCH"])
def test_a_request_that_is_not_idempotent_is_never_sent_twice(
    tmp_path: Path, method: bytes
) -> None:
    with front(tmp_path, stale()) as at, at.connect() as client:  # type: ignore[arg-type]
        client.request(GET)
        sent = method + b" /once HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\nhi"
        problem(client.request(sent), 502, "upstream-failed")
        assert [seen.target for seen in at.upstream.requests].count(b"/once") == 1


def test_a_request_is_not_sent_a_third_time(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        if talk.number == 0:
            await talk.request()
            await talk.send(response())
        await talk.head()

    with front(tmp_path, script) as at, at.connect() as client:
        client.request(GET)
        problem(client.request(GET), 502, "upstream-failed")
        assert len(at.upstream.requests) == 3


def test_half_a_head_that_no_client_has_seen_is_no_obstacle(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(response())
        await talk.head()
        await talk.send(b"HTTP/1.1 2")

    with front(tmp_path, script) as at, at.connect() as client:
        client.request(GET)
        assert client.request(GET).status == 200
        assert len(at.upstream.requests) == 3


def test_a_body_too_large_to_keep_is_not_sent_twice(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.request()
        await talk.send(response())
        await talk.request()

    with front(tmp_path, script) as at, at.connect() as client:
        client.request(GET)
        sent = b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: 70000\r\n\r\n" + b"a" * 70_000
        problem(client.request(sent), 502, "upstream-failed")
        assert [len(seen.body) for seen in at.upstream.requests] == [0, 70_000]


def test_a_body_that_is_still_arriving_is_sent_again_in_order(tmp_path: Path) -> None:
    with front(tmp_path, stale()) as at, at.connect() as client:  # type: ignore[arg-type]
        client.request(GET)
        client.send(b"PUT /again HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
        client.send(b"3\r\nabc\r\n")
        at.wait(lambda: at.upstream.connections == 2, "it is sent again")
        client.send(b"2\r\nde\r\n0\r\nX-T: 1\r\n\r\n")
        assert client.answer().status == 200
        assert at.upstream.requests[-1].body == b"abcde"
        assert at.upstream.requests[-1].trailers == [(b"x-t", b"1")]


def test_connections_that_were_closed_while_idle_are_not_used(tmp_path: Path) -> None:
    async def once(talk: Talk) -> None:
        await talk.request()
        await talk.send(response())

    with front(tmp_path, once) as at, at.connect() as client:
        for _ in range(5):
            assert client.request(POST + b"Content-Length: 2\r\n\r\nhi").status == 200
            at.wait(lambda: not at.upstream.open, "the upstream has closed")
            at.do(lambda: None)
        assert len(at.upstream.requests) == 5


def test_idle_connections_to_the_upstream_are_closed_in_time(tmp_path: Path) -> None:
    pool = {"pool": {"idle_timeout": "5s"}}
    with front(tmp_path, echo, clock=MockClock(), service=pool) as at, at.connect() as client:
        client.request(GET)
        at.advance(4)
        assert at.upstream.open == 1
        at.advance(2)
        upstream_gone(at)
        assert client.request(GET).status == 200
        assert at.upstream.connections == 2


# --- clients that go away ----------


@pytest.mark.parametrize("leave", [Connection.end_sending, Connection.reset])
def test_a_client_that_leaves_while_it_waits_ends_its_attempt(
    tmp_path: Path, leave: Callable[[Connection], None]
) -> None:
    with front(tmp_path, silent) as at, at.connect() as client:
        client.send(GET)
        being_served(at)
        leave(client)
        upstream_gone(at)
        at.wait(lambda: at.plane.logs, "it is logged")
        assert at.plane.logs[0]["status"] == 499


@pytest.mark.parametrize("leave", [Connection.end_sending, Connection.reset])
def test_a_client_that_leaves_in_its_body_ends_its_attempt(
    tmp_path: Path, leave: Callable[[Connection], None]
) -> None:
    with front(tmp_path, silent) as at, at.connect() as client:
        client.send(POST + b"Content-Length: 100\r\n\r\nabc")
        being_served(at)
        leave(client)
        upstream_gone(at)


def test_a_client_that_leaves_in_the_response_ends_its_attempt(tmp_path: Path) -> None:
    async def flood(talk: Talk) -> None:
        await talk.head()
        await talk.send(CHUNKED_HEAD)
        while True:
            await talk.send(b"4000\r\n" + b"a" * 0x4000 + b"\r\n")

    with front(tmp_path, flood) as at:
        for number in range(20):
            with at.connect() as client:
                client.send(GET)
                client.read_until(b"aaa")
                if number % 2:
                    client.reset()
            upstream_gone(at)


def test_a_client_that_leaves_with_requests_waiting_is_noticed_within_a_second(
    tmp_path: Path,
) -> None:
    """Reading is paused then: only the kernel knows of the end."""
    with front(tmp_path, silent, clock=MockClock()) as at, at.connect() as client:
        client.send(GET * 5)
        being_served(at)
        client.end_sending()
        at.advance(1.2)
        upstream_gone(at)
        assert len(at.upstream.requests) == 1


def test_a_client_that_leaves_while_the_upstream_reads_nothing_is_noticed(tmp_path: Path) -> None:
    """Reading is paused here too, with bytes before the end."""

    async def reads_nothing(talk: Talk) -> None:
        await talk.head()
        talk.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await talk.stall()

    with front(tmp_path, reads_nothing, clock=MockClock()) as at, at.connect() as client:
        client.send(POST + b"Content-Length: 900000000\r\n\r\n")
        flood(client)
        client.reset()
        at.advance(1.2)
        settles(at)
        assert at.open == 0


def test_a_half_closed_client_is_served_where_the_listener_says_so(tmp_path: Path) -> None:
    gate = threading.Event()

    async def script(talk: Talk) -> None:
        await talk.request()
        await opened(gate)
        await talk.send(response(body=b"late"))

    ignoring = {"client_eof": "ignore"}
    with front(tmp_path, script, gateway=ignoring) as at, at.connect() as client:
        client.send(GET)
        being_served(at)
        client.end_sending()
        at.do(lambda: None)
        gate.set()
        assert client.answer().body == b"late"
        assert client.closed()


# --- clients that are slow ----------


def test_a_head_has_to_be_complete_in_time_whatever_trickles_in(tmp_path: Path) -> None:
    with front(tmp_path, echo, clock=MockClock()) as at, at.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a")
        at.wait(lambda: at.open, "the connection is there")
        for _ in range(9):
            client.send(b"a")
            at.advance(1)
        assert at.open == 1
        at.advance(1.5)
        problem(client.answer(), 408, "client-timeout")
        assert client.closed()
        assert at.upstream.requests == []


def test_a_head_that_came_in_part_behind_another_request_has_its_time_too(tmp_path: Path) -> None:
    with front(tmp_path, echo, clock=MockClock()) as at, at.connect() as client:
        client.send(GET + b"GET / HTTP/1.1\r\nHost: a")
        assert client.answer().status == 200
        at.advance(9)
        assert at.open == 1
        at.advance(2)
        problem(client.answer(), 408, "client-timeout")
        assert client.closed()


def test_a_connection_without_a_request_is_closed_in_time(tmp_path: Path) -> None:
    with front(tmp_path, echo, clock=MockClock()) as at, at.connect() as client:
        at.wait(lambda: at.open, "the connection is there")
        client.send(b"\r\n")
        at.advance(9)
        assert at.open == 1
        at.advance(2)
        assert client.read_all() == b""
        assert at.open == 0


def test_an_idle_connection_is_closed_after_its_time(tmp_path: Path) -> None:
    with front(tmp_path, echo, clock=MockClock()) as at, at.connect() as client:
        client.request(GET)
        at.advance(74)
        assert client.request(GET).status == 200
        at.advance(74)
        assert at.open == 1
        at.advance(2)
        assert client.closed()


def test_a_body_that_stalls_is_given_up(tmp_path: Path) -> None:
    bounds = {"body_idle_timeout": "8s", "min_body_rate": 0}
    with front(tmp_path, silent, clock=MockClock(), http=bounds) as at, at.connect() as client:
        client.send(POST + b"Content-Length: 1000\r\n\r\nabc")
        being_served(at)
        at.advance(7)
        client.send(b"d")
        at.wait(lambda: at.in_flight, "it is still there")
        at.advance(7)
        assert at.in_flight
        at.advance(4)
        problem(client.answer(), 408, "client-timeout")
        upstream_gone(at)


def test_a_body_that_trickles_is_given_up(tmp_path: Path) -> None:
    with front(tmp_path, silent, clock=MockClock()) as at, at.connect() as client:
        client.send(POST + b"Content-Length: 100000\r\n\r\n")
        being_served(at)
        for _ in range(9):
            client.send(b"a" * 100)
            at.advance(1)
        problem(client.answer(), 408, "client-timeout")
        upstream_gone(at)


def test_a_client_that_reads_nothing_is_cut_in_time(tmp_path: Path) -> None:
    async def endless(talk: Talk) -> None:
        await talk.head()
        await talk.send(CHUNKED_HEAD)
        while True:
            await talk.send(b"10000\r\n" + b"a" * 0x10000 + b"\r\n")

    with front(tmp_path, endless, clock=MockClock()) as at, at.connect() as client:
        client.send(GET)
        at.wait(lambda: write_buffer(at) > 65536, "the client's buffers are full")
        at.advance(58)
        assert at.in_flight
        at.advance(5)
        upstream_gone(at)
        assert not client.read_all().endswith(b"0\r\n\r\n")
        assert at.open == 0
    assert at.plane.counted(INCOMPLETE) == 0, "that was the caller's doing"


# --- back-pressure ----------


def write_buffer(at: Front) -> int:
    """Return how many bytes the gateway holds for its client. To be called on the loop."""
    return sum(
        connection.transport.get_write_buffer_size()
        for connection in at.plane.inner.context.connections
    )


def flood(client: Connection) -> int:
    """Send until the kernel takes no more for a while; returns the count."""
    sent = 0
    client.sock.settimeout(0.15)
    try:
        while True:
            sent += client.sock.send(b"a" * 65_536)
    except TimeoutError:
        return sent
    finally:
        client.sock.settimeout(10)


def read_body(client: Connection, count: int) -> None:
    """Read a head and `count` bytes of body that are all `a`."""
    client.head()
    left = count - len(client.buffer)
    while left:
        data = client.sock.recv(min(left, 1 << 20))
        assert data
        assert data == b"a" * len(data)
        left -= len(data)
    client.buffer = b""


def test_a_slow_reader_of_a_large_response_holds_the_upstream_back(tmp_path: Path) -> None:
    size, sent = 48 * MB, [0]

    async def large(talk: Talk) -> None:
        talk.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        await talk.head()
        await talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent[0] < size:
            await talk.send(b"a" * 100_000)
            sent[0] += 100_000
        await talk.gone()

    with front(tmp_path, large) as at, at.connect() as client:
        client.send(GET)
        at.wait(lambda: write_buffer(at) > 65536, "the client's buffers are full")
        before = -1
        while before != (before := sent[0]):
            for _ in range(50):
                at.do(lambda: None)
        assert sent[0] < size * 0.6
        assert at.do(lambda: write_buffer(at)) < 1 * MB
        read_body(client, size)
        settles(at)


async def count_body(talk: Talk, size: int = 30 * MB) -> None:
    """Answer a request with the size of its body, without keeping it."""
    await talk.head()
    count = 0
    while count < size:
        count += len(await talk.reader.read(1 << 20))
    await talk.send(response(body=b"%d" % count))


def test_a_slow_upstream_holds_a_large_request_back(tmp_path: Path) -> None:
    size, go = 48 * MB, threading.Event()

    async def slow(talk: Talk) -> None:
        await talk.head()
        talk.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await opened(go)
        talk.writer.transport.resume_reading()  # type: ignore[attr-defined]
        count = 0
        while count < size:
            count += len(await talk.reader.read(1 << 20))
        await talk.send(response(body=b"%d" % count))

    with front(tmp_path, slow) as at, at.connect() as client:
        client.send(POST + b"Content-Length: %d\r\n\r\n" % size)
        sent = flood(client)
        while not (held := at.do(lambda: attempt_buffer(at))):
            sent += flood(client)  # the loop had no time for the first
        assert sent < size * 0.6
        assert held < 1 * MB
        go.set()
        client.send(b"a" * (size - sent))
        assert client.answer().body == b"%d" % size


def attempt_buffer(at: Front) -> int:
    """Return how many bytes the gateway holds for its upstream. To be called on the loop."""
    return sum(
        watched.transport.get_write_buffer_size()
        for watched in at.plane.inner.deadlines._watched
        if type(watched).__name__ == "ClientConnection"
    )


def test_a_body_that_no_stage_reads_yet_is_not_piled_up(tmp_path: Path) -> None:
    gate = threading.Event()

    async def waits(exchange: object) -> None:
        await opened(gate)
        await chain(exchange)

    with front(tmp_path, count_body) as at, at.connect() as client:
        route = at.plane.inner.snapshot.routes["all"]  # type: ignore[union-attr]
        chain, route.chain = route.chain, waits  # type: ignore[assignment]
        client.send(POST + b"Content-Length: %d\r\n\r\n" % (30 * MB))
        sent = flood(client)
        (connection,) = at.plane.inner.context.connections
        body = connection._exchange.request.body  # type: ignore[union-attr]
        assert body is not None
        assert body.received < 1 * MB
        gate.set()
        client.send(b"a" * (30 * MB - sent))
        assert client.answer().body == b"%d" % (30 * MB)


def test_a_slow_reader_of_a_tunnel_holds_the_other_end_back(tmp_path: Path) -> None:
    size, sent = 40 * MB, [0]

    async def script(talk: Talk) -> None:
        await talk.head()
        await talk.send(
            b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
        )
        while sent[0] < size:
            await talk.send(b"a" * 100_000)
            sent[0] += 100_000
        await talk.gone()

    with front(tmp_path, script) as at, at.connect() as client:
        client.send(GET[:-2] + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        at.wait(lambda: write_buffer(at) > 65536, "the client's buffers are full")
        for _ in range(200):
            at.do(lambda: None)
        assert sent[0] < size * 0.7
        assert at.do(lambda: write_buffer(at)) < 1 * MB
        read_body(client, size)


def test_a_tunnel_without_traffic_ends_in_time(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        await talk.head()
        await talk.send(
            b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
        )
        await talk.gone()

    times = {"timeouts": {"idle": "5s"}}
    with front(tmp_path, script, clock=MockClock(), service=times) as at, at.connect() as client:
        client.send(GET[:-2] + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert client.answer().status == 101
        at.advance(4)
        client.send(b"x")
        at.advance(4)
        assert at.in_flight
        at.advance(2)
        assert client.closed()
        upstream_gone(at)


def test_a_held_back_response_does_not_pause_the_connection_of_the_next_exchange(
    tmp_path: Path,
) -> None:
    """Its upstream connection is back in the pool when it is sent to a slow reader."""
    large = response(body=b"a" * 40 * MB)

    async def unchanged(_: object, body: bytes) -> bytes:
        return body

    async def whole(exchange: object) -> None:
        exchange.whole(50 * MB, unchanged)  # type: ignore[attr-defined]
        await chain(exchange)

    script = answering(large, response(body=b"small"))
    with front(tmp_path, script) as at, at.connect() as slow, at.connect() as other:
        route = at.plane.inner.snapshot.routes["all"]  # type: ignore[union-attr]
        chain, route.chain = route.chain, whole  # type: ignore[assignment]
        slow.send(GET)
        at.wait(lambda: write_buffer(at) > 65536, "the slow client's buffers are full")
        assert other.request(GET).body == b"small"
        assert at.upstream.connections == 1
        read_body(slow, 40 * MB)


def test_chunks_are_cut_when_the_upstream_sends_a_bad_one_late(tmp_path: Path) -> None:
    broken = chunked(b"a" * 70_000)[:-5] + b"xyz\r\n"
    with front(tmp_path, answering(broken)) as at, at.connect() as client:
        client.send(GET)
        assert not client.read_all().endswith(b"0\r\n\r\n")
        settles(at)


def test_a_client_that_is_gone_when_its_next_request_begins_is_counted_out(tmp_path: Path) -> None:
    """Reading is resumed for the second one, and there is the end, before its task has begun."""
    with front(tmp_path, echo) as at, at.connect() as client:
        with at.held():
            client.send(GET * 2)
            client.end_sending()
        at.wait(lambda: not at.open, "the connection is forgotten")
        settles(at)
        assert at.do(lambda: len(at.plane.logs)) == 2
