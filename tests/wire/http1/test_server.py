"""A client's connection from its first byte to its last: what it does between exchanges."""

from __future__ import annotations

from pathlib import Path

from support.front import front, settles
from support.mock_clock import MockClock
from support.upstreams import Talk, answering, echo, response

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_a_connection_is_counted_while_it_is_open(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at:
        with at.connect() as first, at.connect() as second:
            first.request(GET)
            second.request(GET)
            assert at.plane.counted("sluicegate_client_connections") == 2
        at.wait(lambda: not at.open, "both are gone")
        assert at.plane.counted("sluicegate_client_connections") == 0


def test_a_connection_that_waits_for_its_next_request_is_idle(tmp_path: Path) -> None:
    async def silent(talk: Talk) -> None:
        await talk.request()
        await talk.send(response())
        await talk.gone()

    with front(tmp_path, silent) as at, at.connect() as client:
        at.wait(lambda: at.open, "it is there")
        (connection,) = at.plane.inner.context.connections
        client.request(GET)
        settles(at)
        assert connection.idle
        assert list(at.plane.inner.context.idle) == [connection]
        client.send(GET[:5])
        at.wait(lambda: not connection.idle, "a head has begun")
        assert not at.plane.inner.context.idle


def test_blank_lines_between_requests_are_read_over(tmp_path: Path) -> None:
    with front(tmp_path, echo) as at, at.connect() as client:
        for _ in range(3):
            assert client.request(b"\r\n\r\n" + GET).status == 200


def test_a_client_that_lingers_after_its_refusal_is_ended(tmp_path: Path) -> None:
    with front(tmp_path, echo, clock=MockClock()) as at, at.connect() as client:
        assert client.request(b"GET / HTTP/1.1\r\n\r\n").status == 400
        assert client.closed()
        assert at.open == 1
        at.advance(2.5)
        assert at.open == 0


def test_an_unread_body_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    refusing = {"policies": [{"ip_range": {"deny": ["127.0.0.0/8"]}}]}
    with front(tmp_path, echo, clock=MockClock(), route=refusing) as at, at.connect() as client:
        answer = client.request(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
        assert answer.status == 403
        assert at.open == 1
        at.advance(2.5)
        assert at.open == 0


def test_the_body_of_an_answered_request_may_turn_out_malformed(tmp_path: Path) -> None:
    async def early(talk: Talk) -> None:
        await talk.head()
        await talk.send(response())
        await talk.gone()

    with front(tmp_path, early) as at, at.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert client.answer().status == 200
        settles(at)
        client.send(b"zz\r\n" + GET)
        assert client.closed()
        assert len(at.upstream.requests) == 1


def test_a_policy_that_fails_answers_500_and_keeps_the_connection(tmp_path: Path) -> None:
    async def fails(_: object) -> None:
        raise ValueError("secret")

    with front(tmp_path, echo, expects_errors=True) as at, at.connect() as client:
        route = at.plane.inner.snapshot.routes["all"]  # type: ignore[union-attr]
        chain, route.chain = route.chain, fails  # type: ignore[assignment]
        answer = client.request(GET)
        assert answer.status == 500
        assert b"secret" not in answer.body
        assert [line["event"] for line in at.logs] == ["stage failed"]
        route.chain = chain
        assert client.request(GET).status == 200


def test_a_large_response_in_one_piece_is_whole(tmp_path: Path) -> None:
    large = bytes(range(256)) * 20_000
    with front(tmp_path, answering(response(body=large))) as at, at.connect() as client:
        for _ in range(3):
            assert client.request(GET).body == large
        assert at.upstream.connections == 1
