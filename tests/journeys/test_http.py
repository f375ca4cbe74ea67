"""HTTP/1.1 through the whole gateway, byte for byte, on loopback."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.front import Front, front, opened, settles
from support.upstreams import Talk, answering, chunked, echo, response

HOST = b"Host: a.example\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
WEBSOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


@pytest.fixture(scope="module")
def echoing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Return a gateway before an upstream that answers with what it got."""
    with front(tmp_path_factory.mktemp("echoing"), echo) as at:
        yield at


def asked(path: str, *lines: bytes) -> bytes:
    """Write a GET."""
    return b"GET %b HTTP/1.1\r\n%b%b\r\n" % (path.encode(), HOST, b"".join(lines))


# --- heads ----------


def test_a_request_goes_to_the_upstream_with_exactly_these_bytes(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        client.request(
            b"GET /a//b/../c?x=%2f HTTP/1.1\r\nhOsT: A.Example:81\r\nAccept: */*\r\n"
            b"X-Request-ID: id-1\r\n"
            b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
            b"accept:  text/html\r\n\r\n"
        )
        assert at.upstream.requests[0].raw_head == (
            b"GET /a/c?x=%%2f HTTP/1.1\r\nhost: A.Example:81\r\naccept: */*\r\n"
            b"accept: text/html\r\nx-request-id: id-1\r\n"
            b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
            b"x-forwarded-for: 127.0.0.1\r\nx-forwarded-proto: http\r\n"
            b"x-forwarded-port: %d\r\nx-forwarded-host: A.Example:81\r\n"
            b"via: 1.1 sluicegate\r\n\r\n" % at.port
        )


def test_a_response_comes_back_with_exactly_these_bytes(tmp_path: Path) -> None:
    answer = (
        b"HTTP/1.1 201 Made It\r\nDate: Sat, 01 Jan 2022 00:00:00 GMT\r\nSet-Cookie: a=b\r\n"
        b"SET-COOKIE: c=d\r\nX-A:   b\r\nContent-Length: 2\r\n\r\nhi"
    )
    with front(tmp_path, answering(answer)) as at, at.connect() as client:
        client.send(asked("/", b"X-Request-Id: id-2\r\n", b"Connection: close\r\n"))
        assert client.read_all() == (
            b"HTTP/1.1 201 Created\r\ndate: Sat, 01 Jan 2022 00:00:00 GMT\r\nset-cookie: a=b\r\n"
            b"set-cookie: c=d\r\nx-a: b\r\ncontent-length: 2\r\nconnection: close\r\n"
            b"via: 1.1 sluicegate\r\nx-request-id: id-2\r\n\r\nhi"
        )


def test_a_response_without_a_date_gets_one(echoing: Front) -> None:
    with echoing.connect() as client:
        date = client.request(GET).get("date")
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", date or "")


def test_ids_are_created_where_none_or_bad_ones_came(echoing: Front) -> None:
    ids = set()
    for given in (b"", b"X-Request-Id: a b\r\n", b"X-Request-Id: " + b"a" * 129 + b"\r\n"):
        with echoing.connect() as client:
            told = client.request(asked("/", given)).get("x-request-id")
        seen = echoing.upstream.requests[-1]
        assert seen.all(b"x-request-id") == [(told or "").encode()]
        assert re.fullmatch(r"[0-9a-f]{32}", told or "")
        ids.add(told)
    assert len(ids) == 3


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\n",
        b"traceparent: 00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01\r\n",
        b"traceparent: what?\r\n",
    ],
)
def test_a_trace_is_created_where_none_or_a_bad_one_came(echoing: Front, given: bytes) -> None:
    with echoing.connect() as client:
        client.request(asked("/", given))
    (trace,) = echoing.upstream.requests[-1].all(b"traceparent")
    assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-00", trace)


def test_hop_by_hop_fields_of_a_request_end_here(echoing: Front) -> None:
    with echoing.connect() as client:
        client.request(
            asked(
                "/",
                b"Connection: keep-alive, X-Hop\r\n",
                b"Connection: x-other, , X-ABSENT\r\n",
                b"X-Hop: 1\r\nX-Other: 2\r\nx-hop: 3\r\n",
                b"Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\n",
                b"Proxy-Authorization: Basic eA==\r\nTrailer: x-sum\r\nHTTP2-Settings: AAM\r\n",
                b"Upgrade: websocket\r\nX-End: 4\r\n",
            )
        )
    names = {name for name, _ in echoing.upstream.requests[-1].headers}
    assert b"x-end" in names
    assert names.isdisjoint(
        b"connection x-hop x-other keep-alive proxy-connection te proxy-authorization trailer "
        b"http2-settings upgrade".split()
    )


def test_connection_cannot_name_what_the_gateway_says_itself(echoing: Front) -> None:
    named = b"Connection: x-forwarded-for, x-request-id, traceparent, host, via, content-length\r\n"
    with echoing.connect() as client:
        client.request(asked("/", named))
    seen = echoing.upstream.requests[-1]
    for name in (b"x-forwarded-for", b"x-request-id", b"traceparent", b"host", b"via"):
        assert len(seen.all(name)) == 1, name


def test_hop_by_hop_fields_of_a_response_end_here(tmp_path: Path) -> None:
    answer = response(
        headers={
            "Connection": "x-hop",
            "X-Hop": "1",
            "Keep-Alive": "timeout=5",
            "Proxy-Connection": "keep-alive",
            "Upgrade": "h2c",
            "Trailer": "x-sum",
            "WWW-Authenticate": "Basic",
            "X-Other": "2",
            "X-Request-Id": "theirs",
            "connection": "x-other",
            "X-End": "3",
        }
    )
    with front(tmp_path, answering(answer)) as at, at.connect() as client:
        got = client.request(asked("/", b"X-Request-Id: ours\r\n"))
        names = {name for name, _ in got.headers}
        assert {"x-end", "www-authenticate"} <= names
        assert names.isdisjoint(
            [
                "connection",
                "x-hop",
                "x-other",
                "keep-alive",
                "proxy-connection",
                "upgrade",
                "trailer",
            ]
        )
        assert got.all("x-request-id") == ["ours"]


def test_what_the_gateway_says_to_targets_cannot_be_said_by_clients(echoing: Front) -> None:
    with echoing.connect() as client:
        client.request(asked("/", b"Sluicegate-Consumer: root\r\nsluicegate-plan: gold\r\n"))
    names = [name for name, _ in echoing.upstream.requests[-1].headers]
    assert not [name for name in names if name.startswith(b"sluicegate")]


def test_claims_of_where_a_request_came_from_are_replaced(echoing: Front) -> None:
    with echoing.connect() as client:
        client.request(
            asked("/", b"X-Forwarded-For: 1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\n",
                  b"X-Forwarded-Host: evil\r\nX-Forwarded-Proto: https\r\n")
        )  # fmt: skip
    seen = echoing.upstream.requests[-1]
    assert seen.all(b"x-forwarded-for") == [b"127.0.0.1"]
    assert seen.all(b"x-forwarded-host") == [b"a.example"]
    assert seen.all(b"x-forwarded-proto") == [b"http"]
    assert b"1.2.3.4" not in seen.raw_head


def test_an_absolute_target_decides_the_host(echoing: Front) -> None:
    with echoing.connect() as client:
        client.request(b"GET http://b.example:8/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n")
    seen = echoing.upstream.requests[-1]
    assert seen.line == b"GET /x?y HTTP/1.1"
    assert seen.all(b"host") == [b"b.example:8"]


def test_options_asterisk_is_passed_on(echoing: Front) -> None:
    with echoing.connect() as client:
        assert client.request(b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n").status == 200
    assert echoing.upstream.requests[-1].line == b"OPTIONS * HTTP/1.1"


def test_the_targets_own_host_is_sent_where_the_service_says_so(tmp_path: Path) -> None:
    with front(tmp_path, echo, service={"preserve_host": False}) as at, at.connect() as client:
        client.request(GET)
        assert at.upstream.requests[0].all(b"host") == [b"127.0.0.1:%d" % at.upstream.port]


def test_large_headers_in_many_pieces_are_counted_once(echoing: Front) -> None:
    """40 KB of 64 KB that may come: whatever the pieces."""
    head = asked("/", *(b"X-%02d: %b\r\n" % (number, b"a" * 1000) for number in range(40)))
    with echoing.connect() as client:
        for start in range(0, len(head), 4096):
            client.send(head[start : start + 4096])
            echoing.do(lambda: None)
        assert client.answer().status == 200


def test_a_name_list_as_long_as_a_head_may_be_costs_no_time(echoing: Front) -> None:
    tokens = b"Connection: " + b"a," * 30_000 + b"\r\n"
    plain = b"".join(b"X-%d: y\r\n" % number for number in range(90))
    with echoing.connect() as client:
        client.request(GET)
        began = echoing.do(time.process_time)
        assert client.request(asked("/", tokens, plain)).status == 200
        spent = echoing.do(time.process_time) - began
    assert spent < 0.06


# --- connections ----------


def test_connections_are_kept_on_both_sides(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        for number in range(20):
            answer = client.request(asked(f"/{number}"))
            assert (answer.status, answer.get("connection")) == (200, None)
        assert at.upstream.connections == 1
        assert [seen.target for seen in at.upstream.requests] == [b"/%d" % n for n in range(20)]
        assert all(seen.get(b"connection") is None for seen in at.upstream.requests)


def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        client.send(b"".join(asked(f"/{number}") for number in range(50)))
        for number in range(50):
            assert b"GET /%d HTTP" % number in client.answer().body
        assert client.request(asked("/more")).status == 200


def test_pipelined_bodies_stay_with_their_requests(tmp_path: Path) -> None:
    sent = [b"a" * 5, b"", b"b" * 70_000, b"c"]
    with front(tmp_path, echo) as at, at.connect() as client:
        for body in sent:
            client.send(POST + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n1\r\nz\r\n0\r\n\r\n")
        client.send(GET)
        for _ in range(6):
            assert client.answer().status == 200
        assert [seen.body for seen in at.upstream.requests] == [*sent, b"xyz", b""]


def test_a_pipelined_request_is_not_sent_before_the_one_before_is_answered(tmp_path: Path) -> None:
    async def one_by_one(talk: Talk) -> None:
        while True:
            await talk.request()
            assert len(talk.upstream.requests) == len(answered) + 1
            answered.append(1)
            await talk.send(response())

    answered: list[int] = []
    with front(tmp_path, one_by_one) as at, at.connect() as client:
        client.send(GET * 10)
        assert [client.answer().status for _ in range(10)] == [200] * 10


def test_an_error_is_answered_after_the_good_requests_before_it(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        client.send(asked("/1") + asked("/2") + asked("/3") + b"GET / HTTP/1.1\r\nbad\r\n\r\n")
        assert [client.answer().status for _ in range(4)] == [200, 200, 200, 400]
        assert client.closed()
        assert [seen.target for seen in at.upstream.requests] == [b"/1", b"/2", b"/3"]


def test_what_follows_an_error_is_not_a_request(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        client.send(asked("/1") + b"GET / HTTP/1.1\r\nbad\r\n\r\n" + asked("/2"))
        assert [client.answer().status for _ in range(2)] == [200, 400]
        client.send(asked("/3"))
        assert client.closed()
        assert len(at.upstream.requests) == 1


def test_a_head_that_begins_behind_a_large_body_is_not_charged_for_it(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        with at.held():
            client.send(POST + b"Content-Length: 200000\r\n\r\n" + b"a" * 200_000 + GET[:10])
        assert client.answer().status == 200
        client.send(GET[10:])
        assert client.answer().status == 200


def test_too_many_pipelined_requests_in_one_segment_end_the_connection(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        with at.held():
            client.send(GET * 500)
        statuses = []
        while client.receive():
            continue
        while client.buffer:
            statuses.append(client.answer().status)
        assert statuses == [200] * (len(statuses) - 1) + [503]
        assert len(statuses) > 60


def test_connection_close_is_heeded(echoing: Front) -> None:
    with echoing.connect() as client:
        answer = client.request(asked("/", b"Connection: foo, CLOSE\r\n"))
        assert answer.get("connection") == "close"
        assert client.closed()


def test_a_connection_ends_after_so_many_requests(tmp_path: Path) -> None:
    with front(tmp_path, echo, http={"max_requests": 3}) as at, at.connect() as client:
        client.send(GET * 5)
        answers = [client.answer() for _ in range(3)]
        assert [answer.get("connection") for answer in answers] == [None, None, "close"]
        assert client.closed()
        assert len(at.upstream.requests) == 3


def test_the_connection_past_the_bound_is_told_and_closed(tmp_path: Path) -> None:
    async def stalling(talk: Talk) -> None:
        await talk.request()
        await talk.stall()

    with front(tmp_path, stalling, http={"max_connections": 1}) as at, at.connect() as first:
        first.send(GET)
        at.wait(lambda: at.in_flight, "the first is being served")
        with at.connect() as second:
            answer = second.request(GET)
            assert (answer.status, answer.get("connection")) == (503, "close")
            assert second.closed()


def test_at_the_bound_the_longest_idle_connection_makes_place(tmp_path: Path) -> None:
    with (
        front(tmp_path, echo, http={"max_connections": 2}) as at,
        at.connect() as first,
        at.connect() as second,
    ):
        assert first.request(GET).status == second.request(GET).status == 200
        with at.connect() as third:
            assert third.request(GET).status == 200
            assert first.closed()
            assert second.request(GET).status == 200


def test_http_1_0_closes_unless_it_asks_to_be_kept(echoing: Front) -> None:
    with echoing.connect() as client:
        answer = client.request(b"GET / HTTP/1.0\r\n\r\n")
        assert (answer.status, answer.get("connection")) == (200, "close")
        assert client.closed()
    with echoing.connect() as client:
        asks = b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"
        for _ in range(2):
            assert client.request(asks).get("connection") == "keep-alive"


def test_a_request_without_a_host_is_sent_on_with_the_targets(echoing: Front) -> None:
    with echoing.connect() as client:
        client.request(b"GET / HTTP/1.0\r\n\r\n")
    assert echoing.upstream.requests[-1].all(b"host") == [b"127.0.0.1:%d" % echoing.upstream.port]


def test_http_1_0_gets_a_body_of_unknown_length_until_the_connection_ends(tmp_path: Path) -> None:
    with front(tmp_path, answering(chunked(b"ab", b"cd"))) as at, at.connect() as client:
        client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        head, _, body = client.read_all().partition(b"\r\n\r\n")
        assert body == b"abcd"
        assert b"transfer-encoding" not in head
        assert b"connection: close" in head


def test_http_1_0_gets_no_informational_responses(tmp_path: Path) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + response(body=b"x")
    with front(tmp_path, answering(early)) as at, at.connect() as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert client.head().status == 200


# --- bodies ----------


def test_chunks_of_a_request_are_framed_anew_and_keep_their_trailers(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        client.request(
            POST + b"Transfer-Encoding: Chunked\r\n\r\n1\r\na\r\n00002;x=y\r\nbc\r\n"
            b"0\r\nX-Sum: 3\r\nHost: evil\r\nSluicegate-Consumer: root\r\n"
            b"x_y: z\r\n\r\n"
        )
        seen = at.upstream.requests[0]
        assert seen.body == b"abc"
        assert seen.all(b"transfer-encoding") == [b"chunked"]
        assert seen.all(b"content-length") == []
        assert seen.trailers == [(b"x-sum", b"3")]


def test_a_known_length_stays_known(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        client.request(POST + b"Content-Length: 003\r\n\r\nabc")
        seen = at.upstream.requests[0]
        assert seen.all(b"content-length") == [b"3"]
        assert seen.body == b"abc"


def test_a_post_without_a_body_says_so(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        client.request(POST + b"Content-Length: 0\r\n\r\n")
        client.request(POST + b"\r\n")
        client.request(asked("/", b"Content-Length: 0\r\n"))
        lengths = [seen.all(b"content-length") for seen in at.upstream.requests]
        assert lengths == [[b"0"], [b"0"], []]


def test_a_get_may_have_a_body(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        client.request(asked("/", b"Content-Length: 2\r\n") + b"hi")
        client.request(GET)
        assert [seen.body for seen in at.upstream.requests] == [b"hi", b""]


def test_chunks_of_a_response_keep_their_bytes_and_trailers(tmp_path: Path) -> None:
    answer = chunked(b"abc", b"defg", trailers="X-Sum: 7\r\nSet-Cookie: no\r\n")
    with front(tmp_path, answering(answer)) as at, at.connect() as client:
        answer = client.request(GET)
        assert answer.body == b"abcdefg"
        assert answer.get("transfer-encoding") == "chunked"
        assert answer.get("content-length") is None
        assert answer.trailers == [("x-sum", "7")]
        assert client.request(GET).status == 200
        assert at.upstream.connections == 1


def test_a_response_that_ends_with_its_connection_gets_chunks(tmp_path: Path) -> None:
    async def until_close(talk: Talk) -> None:
        await talk.request()
        await talk.send(b"HTTP/1.1 200 OK\r\n\r\nabc")
        await talk.send(b"def")
        await talk.close()

    with front(tmp_path, until_close) as at, at.connect() as client:
        for _ in range(2):
            answer = client.request(GET)
            assert (answer.body, answer.whole) == (b"abcdef", True)
            assert answer.get("transfer-encoding") == "chunked"
        assert at.upstream.connections == 2


def test_an_upstream_that_speaks_http_1_0_is_understood(tmp_path: Path) -> None:
    async def old(talk: Talk) -> None:
        await talk.request()
        await talk.send(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc")
        await talk.gone()

    with front(tmp_path, old) as at, at.connect() as client:
        for _ in range(2):
            assert client.request(GET).body == b"abc"
        assert at.upstream.connections == 2


def test_each_event_of_a_stream_arrives_before_the_next_is_sent(tmp_path: Path) -> None:
    go = threading.Semaphore(0)

    async def events(talk: Talk) -> None:
        await talk.request()
        await talk.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for number in range(5):
            while not go.acquire(blocking=False):  # noqa: ASYNC110 - released in another thread
                await asyncio.sleep(0.001)
            await talk.send(b"9\r\ndata: %d\n\n\r\n" % number)
        await talk.send(b"0\r\n\r\n")

    with front(tmp_path, events) as at, at.connect() as client:
        client.send(GET)
        assert client.head().status == 200  # the head comes before any event
        for number in range(5):
            go.release()
            assert client.chunk() == b"data: %d\n\n" % number
        assert client.chunk() == b""


@pytest.mark.parametrize("framing", ["length", "chunks", "close"])
def test_head_has_the_headers_of_get_and_no_body(tmp_path: Path, framing: str) -> None:
    heads = {
        "length": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "close": b"HTTP/1.1 200 OK\r\n\r\n",
    }
    with front(tmp_path, answering(heads[framing])) as at, at.connect() as client:
        for _ in range(3):
            answer = client.request(b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n", head=True)
            assert answer.status == 200
            assert answer.get("content-length") == ("1000" if framing == "length" else None)
            assert not client.buffer
        assert at.upstream.requests[0].method == b"HEAD"
        assert at.upstream.connections == (1 if framing == "length" else 3)


def test_get_after_head_on_the_same_connections(tmp_path: Path) -> None:
    async def script(talk: Talk) -> None:
        while True:
            received = await talk.request()
            body = b"" if received.method == b"HEAD" else b"hello"
            await talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)

    with front(tmp_path, script) as at, at.connect() as client:
        for _ in range(3):
            client.request(b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n", head=True)
            assert client.request(GET).body == b"hello"
        assert at.upstream.connections == 1


@pytest.mark.parametrize(
    ("answer", "status", "length"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, None),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, None),
        (b"HTTP/1.1 304 Not Modified\r\nETag: a\r\n\r\n", 304, None),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 70\r\n\r\n", 304, "70"),
    ],
)
def test_204_and_304_have_no_body_and_keep_both_connections(
    tmp_path: Path, answer: bytes, status: int, length: str | None
) -> None:
    with front(tmp_path, answering(answer)) as at, at.connect() as client:
        for _ in range(3):
            got = client.request(GET)
            assert (got.status, got.get("content-length")) == (status, length)
            assert got.get("transfer-encoding") is None
            assert not client.buffer
        assert at.upstream.connections == 1


def test_early_hints_come_before_the_response(tmp_path: Path) -> None:
    early = (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nKeep-Alive: timeout=5\r\n\r\n"
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    )
    with front(tmp_path, answering(early + response(body=b"x"))) as at, at.connect() as client:
        for _ in range(2):
            client.send(GET)
            assert client.read_until(b"\r\n\r\n") == (
                b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n"
            )
            assert client.head().status == 102
            assert client.answer().body == b"x"
        assert at.upstream.connections == 1


def test_100_continue_is_sent_once_the_body_is_wanted(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        client.send(POST + b"Content-Length: 3\r\nExpect: 100-Continue\r\n\r\n")
        assert client.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert client.request(b"abc").status == 200
        assert at.upstream.requests[0].body == b"abc"
        assert at.upstream.requests[0].get(b"expect") is None


def test_no_100_continue_for_a_body_that_is_there_already(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        client.send(POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc")
        assert client.head().status == 200


def test_no_100_continue_for_a_request_that_is_refused(tmp_path: Path) -> None:
    refusing = {"policies": [{"ip_range": {"deny": ["127.0.0.0/8"]}}]}
    with front(tmp_path, echo, route=refusing) as at, at.connect() as client:
        client.send(POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        answer = client.head()
        assert (answer.status, answer.get("connection")) == (403, "close")
        assert at.upstream.requests == []


# --- answers before the request was read ----------


async def early(talk: Talk) -> None:
    """Answer each head at once, and read its body afterwards."""
    while True:
        received = await talk.head()
        await talk.send(response(200, body=b"early"))
        await talk.body(received)


def test_an_answer_before_the_body_was_sent_keeps_the_client(tmp_path: Path) -> None:
    with front(tmp_path, early) as at, at.connect() as client:
        client.send(POST + b"Content-Length: 1000\r\n\r\n")
        assert client.answer().body == b"early"
        client.send(b"a" * 1000)
        assert client.request(GET).body == b"early"
        assert at.upstream.connections == 2  # the first had half a request


def test_an_answer_before_a_large_body_ends_the_connection(tmp_path: Path) -> None:
    with front(tmp_path, early) as at, at.connect() as client:
        client.send(POST + b"Content-Length: 1000000\r\n\r\n")
        assert client.answer().body == b"early"
        try:
            client.send(b"a" * 1_000_000)
        except ConnectionError:
            return
        assert client.closed()


def test_a_request_behind_a_body_too_large_to_drop_is_not_served(tmp_path: Path) -> None:
    with front(tmp_path, early) as at, at.connect() as client:
        client.send(POST + b"Content-Length: 150000\r\n\r\n")
        assert client.answer().body == b"early"
        settles(at)
        with at.held():
            client.send(b"a" * 150_000 + GET)
        assert client.closed()
        assert len(at.upstream.requests) == 1


@pytest.mark.parametrize(
    ("length", "kept"), [(1000, True), (65536, True), (65537, False), (None, False)]
)
def test_a_local_answer_drops_a_small_body_and_closes_on_a_large_one(
    tmp_path: Path, length: int | None, *, kept: bool
) -> None:
    refusing = {"policies": [{"ip_range": {"deny": ["127.0.0.0/8"]}}]}
    framing = b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length
    with front(tmp_path, echo, route=refusing) as at, at.connect() as client:
        client.send(POST + framing + b"\r\n\r\n")
        answer = client.answer()
        assert (answer.status, answer.get("connection")) == (403, None if kept else "close")
        if kept:
            client.send(b"a" * (length or 0))
            assert client.request(GET).status == 403
        else:
            assert client.closed()


# --- upgrades ----------


async def tunnel(talk: Talk) -> None:
    """Switch, with bytes right behind the 101, and send everything back."""
    await talk.head()
    await talk.send(SWITCH + b"Sec-WebSocket-Accept: x\r\n\r\nhello ")
    while data := await talk.reader.read(65536):
        await talk.send(data)


def test_an_upgrade_joins_both_ends_and_loses_no_byte(tmp_path: Path) -> None:
    with front(tmp_path, tunnel) as at, at.connect() as client:
        client.send(asked("/ws")[:-2] + WEBSOCKET + b"right behind,")
        assert client.read_until(b"\r\n\r\n") == (
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n"
            b"sec-websocket-accept: x\r\nconnection: upgrade\r\n\r\n"
        )
        assert client.read_exactly(19) == b"hello right behind,"
        client.send(b" \x00\r\n\r\nGET / HTTP/1.1\r\n\r\n")
        assert client.read_exactly(24) == b" \x00\r\n\r\nGET / HTTP/1.1\r\n\r\n"
        seen = at.upstream.requests[0]
        assert seen.all(b"connection") == [b"upgrade"]
        assert seen.all(b"upgrade") == [b"websocket"]
        client.end_sending()
        assert client.closed()
        settles(at)
        assert at.plane.counted("sluicegate_requests_total", "101") == 1


def test_an_upgrade_behind_a_pipelined_request_waits_for_its_turn(tmp_path: Path) -> None:
    async def first_then_tunnel(talk: Talk) -> None:
        await talk.request()
        await talk.send(response(body=b"one"))
        await tunnel(talk)

    with front(tmp_path, first_then_tunnel) as at, at.connect() as client:
        client.send(GET + asked("/ws")[:-2] + WEBSOCKET + b"abc")
        assert client.answer().body == b"one"
        assert client.answer().status == 101
        assert client.read_exactly(9) == b"hello abc"


def test_a_large_transfer_through_a_tunnel_is_whole(tmp_path: Path) -> None:
    size = 8_000_000

    async def send_and_close(talk: Talk) -> None:
        await talk.head()
        await talk.send(SWITCH + b"\r\n")
        await talk.send(b"x" * size)
        await talk.close()

    with front(tmp_path, send_and_close) as at, at.connect() as client:
        client.send(asked("/ws")[:-2] + WEBSOCKET)
        assert client.answer().status == 101
        assert len(client.read_all()) == size
        client.end_sending()
        settles(at)


def test_a_tunnel_ends_when_both_ends_have_finished_sending(tmp_path: Path) -> None:
    async def half_closes(talk: Talk) -> None:
        await talk.head()
        await talk.send(SWITCH + b"\r\n")
        talk.writer.write_eof()
        assert await talk.gone() == b"last words"

    with front(tmp_path, half_closes) as at, at.connect() as client:
        client.send(asked("/ws")[:-2] + WEBSOCKET)
        assert client.answer().status == 101
        assert client.closed()
        client.send(b"last words")
        assert at.in_flight == 1
        client.end_sending()
        settles(at)
        at.wait(lambda: not at.upstream.open, "the upstream's side is closed")


def test_a_tunnel_ends_with_either_end(tmp_path: Path) -> None:
    with front(tmp_path, tunnel) as at:
        with at.connect() as client:
            client.send(asked("/ws")[:-2] + WEBSOCKET)
            assert client.answer().status == 101
            client.reset()
            settles(at)
        at.wait(lambda: not at.upstream.open, "the upstream's side is closed")


def test_an_upgrade_that_is_refused_leaves_an_http_connection(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        client.send(asked("/ws")[:-2] + WEBSOCKET + asked("/behind"))
        assert client.answer().status == 200
        assert b"/behind" in client.answer().body
        assert client.request(asked("/again")).status == 200


def test_an_upgrade_that_the_route_does_not_list_is_an_ordinary_request(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        client.send(asked("/", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"))
        assert client.answer().status == 200
        seen = at.upstream.requests[0]
        assert (seen.get(b"upgrade"), seen.get(b"connection")) == (None, None)
        assert client.request(GET).status == 200


@pytest.mark.parametrize("route", [{}, {"upgrade": []}, {"upgrade": ["h2c"]}])
@pytest.mark.parametrize("split", [False, True])
def test_a_body_with_an_upgrade_is_read_and_the_upgrade_ignored(
    tmp_path: Path, route: dict[str, list[str]], *, split: bool
) -> None:
    ask = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
    known = POST + ask + b"Content-Length: 26\r\n\r\n", b"GET /smuggled HTTP/1.1\r\n\r\n"
    chunks = POST + ask + b"Transfer-Encoding: chunked\r\n\r\n", b"3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
    with front(tmp_path, echo, route=route) as at, at.connect() as client:
        for head, body in (known, chunks):
            if split:
                client.send(head)
                at.wait(lambda: at.in_flight, "the head was read")
                client.send(body + GET)
            else:
                client.send(head + body + GET)
            assert [client.answer().status for _ in range(2)] == [200, 200]
        bodies = [seen.body for seen in at.upstream.requests]
        assert bodies == [known[1], b"", b"abc", b""]
        assert at.upstream.requests[2].trailers == [(b"x-t", b"1")]


def test_http_1_0_cannot_upgrade(tmp_path: Path) -> None:
    """RFC 9110, section 7.8."""
    with front(tmp_path, echo) as at, at.connect() as client:
        client.send(b"GET / HTTP/1.0\r\nHost: a\r\n" + WEBSOCKET)
        assert client.answer().status == 200
        assert at.upstream.requests[0].get(b"upgrade") is None


# --- drain ----------


def test_draining_ends_idle_connections_and_finishes_the_rest(tmp_path: Path) -> None:
    gate = threading.Event()

    async def gated(talk: Talk) -> None:
        while True:
            received = await talk.request()
            if received.target == b"/slow":
                await opened(gate)
            await talk.send(response(body=b"done"))

    with (
        front(tmp_path, gated) as at,
        at.connect() as idle,
        at.connect() as busy,
        at.connect() as fresh,
    ):
        idle.request(GET)
        busy.send(asked("/slow"))
        at.wait(lambda: at.in_flight == 1 and at.open == 3, "one is being served")
        at.do(at.plane.inner.begin_drain)
        assert idle.closed()
        late = fresh.request(GET)
        assert (late.status, late.get("connection")) == (200, "close")
        assert fresh.closed()
        gate.set()
        answer = busy.answer()
        assert (answer.body, answer.get("connection")) == (b"done", "close")
        assert busy.closed()
        at.call(at.plane.inner.drained(5))
        assert at.open == 0


def test_what_is_in_flight_past_the_deadline_of_a_drain_is_cut(tmp_path: Path) -> None:
    async def stalling(talk: Talk) -> None:
        await talk.request()
        await talk.stall()

    with front(tmp_path, stalling) as at, at.connect() as client:
        client.send(GET)
        at.wait(lambda: at.in_flight, "it is being served")
        at.do(at.plane.inner.begin_drain)
        at.call(at.plane.inner.drained(0.05))
        assert client.read_all() == b""
        settles(at)
