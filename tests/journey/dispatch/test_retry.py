"""Attempts that follow one that failed, and those that must not."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import pytest

from sluicegate.journey.dispatch.retry import Call
from sluicegate.model.route import RouteTimeouts
from support.exchanges import exchange
from support.front import Front, front, settles
from support.mock_clock import MockClock
from support.ports import free_port
from support.raw_http import Answer
from support.upstreams import Script, Talk, answering, echo, reset, response, silent

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
IN_TURN = {"balance": "weighted_round_robin"}
"""The first target is the first one asked."""
BUSY = response(503, body=b"busy", reason="Busy")


def request(method: str, body: bytes = b"") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} / HTTP/1.1\r\nHost: a\r\n{length}\r\n".encode() + body


def received(at: Front) -> list[int]:
    """Return how many requests each upstream has read."""
    return [len(each.requests) for each in at.upstreams]


def kind(answer: Answer) -> str:
    return str(json.loads(answer.body)["type"]).rpartition(":")[2]


# --- what is sent again ----------


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("script", [reset, answering(BUSY)])
def test_an_idempotent_request_is_sent_once_more_elsewhere(
    tmp_path: Path, method: str, script: Script
) -> None:
    body = b"" if method in ("GET", "HEAD") else b"hello"
    with front(tmp_path, script, echo, service=IN_TURN) as at, at.connect() as client:
        answer = client.request(request(method, body), head=method == "HEAD")
        assert answer.status == 200
        assert received(at) == [1, 1]
        assert [each.requests[0].body for each in at.upstreams] == [body, body]
        assert at.plane.counted("sluicegate_retries_total", "up") == 1


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(("script", "status"), [(reset, 502), (answering(BUSY), 503)])
def test_a_request_that_a_target_may_have_read_is_not(
    tmp_path: Path, method: str, script: Script, status: int
) -> None:
    with front(tmp_path, script, echo, service=IN_TURN) as at, at.connect() as client:
        answer = client.request(request(method, b"hello"))
        assert answer.status == status
        assert received(at) == [1, 0]
        assert at.plane.counted("sluicegate_retries_total", "up") == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_reached_nobody_is_sent_elsewhere_whatever_it_is(
    tmp_path: Path, method: str
) -> None:
    body = b"a" * 200_000 if method == "POST" else b""
    service = {**IN_TURN, "targets": [f"http://127.0.0.1:{free_port()}"]}
    with front(tmp_path, echo) as other:
        service["targets"] = [*service["targets"], other.upstream.url]
        with front(tmp_path / "b", echo, service=service) as at, at.connect() as client:
            assert client.request(request(method, body)).status == 200
            assert other.upstream.requests[0].body == body
            assert at.plane.counted("sluicegate_retries_total", "connect_failed") == 1


def test_a_single_target_is_tried_again_on_a_new_connection(tmp_path: Path) -> None:
    async def fails_once(talk: Talk) -> None:
        await talk.request()
        if talk.number == 0:
            talk.reset()
        else:
            await talk.send(response(body=b"%d" % talk.number))

    with front(tmp_path, fails_once) as at, at.connect() as client:
        assert client.request(GET).body == b"1"
        assert received(at) == [2]


def test_a_body_that_is_still_arriving_goes_on_to_the_next_target(tmp_path: Path) -> None:
    async def gives_up_early(talk: Talk) -> None:
        await talk.head()
        await talk.reader.readexactly(3)
        await talk.send(BUSY)
        await talk.gone()

    with front(tmp_path, gives_up_early, echo, service=IN_TURN) as at, at.connect() as client:
        client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        at.wait(lambda: at.upstreams[1].requests, "it is sent elsewhere")
        client.send(b"def")
        assert client.answer().body.endswith(b"\r\n\r\nabcdef")


def test_what_arrives_together_with_an_answer_that_is_not_passed_on_is_kept(
    tmp_path: Path,
) -> None:
    answered, more = threading.Event(), threading.Event()

    async def gives_up_early(talk: Talk) -> None:
        await talk.head()
        await talk.reader.readexactly(60_000)
        talk.writer.write(BUSY)
        answered.set()
        more.wait(10)  # the loop stands still: the gateway reads both in one turn
        await talk.gone()

    with front(tmp_path, gives_up_early, echo, service=IN_TURN) as at, at.connect() as client:
        head = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 80000\r\n\r\n"
        client.send(head + b"a" * 60_000)
        assert answered.wait(10)
        client.send(b"b" * 20_000)
        more.set()
        assert client.answer().body.endswith(b"a" * 60_000 + b"b" * 20_000)


def test_a_body_too_large_to_keep_is_not_sent_twice(tmp_path: Path) -> None:
    with front(tmp_path, reset, echo, service=IN_TURN) as at, at.connect() as client:
        assert client.request(request("PUT", b"a" * 70_000)).status == 502
        assert received(at) == [1, 0]


def test_a_request_is_not_sent_again_once_a_byte_of_the_response_has_left(tmp_path: Path) -> None:
    async def cut(talk: Talk) -> None:
        await talk.request()
        await talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        talk.reset()

    with front(tmp_path, cut, echo, service=IN_TURN) as at, at.connect() as client:
        client.send(GET)
        assert client.read_all().endswith(b"half")
        assert received(at) == [1, 0]


def test_a_response_that_is_held_back_can_still_be_replaced(tmp_path: Path) -> None:
    async def cut(talk: Talk) -> None:
        await talk.request()
        await talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        talk.reset()

    with front(tmp_path, cut, echo, service=IN_TURN) as at, at.connect() as client:
        assert at.plane.inner.snapshot is not None
        route = at.plane.inner.snapshot.routes["all"]
        chain = route.chain

        async def holds(exchange: object) -> None:
            async def same(_: object, body: bytes) -> bytes:
                return body

            exchange.whole(1000, same)  # type: ignore[attr-defined]
            await chain(exchange)  # type: ignore[arg-type]

        route.chain = holds  # type: ignore[assignment]
        assert client.request(GET).status == 200
        assert received(at) == [1, 1]


# --- how often ----------


def test_there_are_no_more_attempts_than_allowed(tmp_path: Path) -> None:
    service = {**IN_TURN, "retry": {"attempts": 3}, "ejection": None}
    with front(tmp_path, *[reset] * 4, service=service) as at, at.connect() as client:
        assert client.request(GET).status == 502
        assert sorted(received(at)) == [0, 1, 1, 1]
        assert at.plane.counted("sluicegate_retries_denied_total", "attempts") == 1


def test_the_last_answer_is_passed_on_as_it_is(tmp_path: Path) -> None:
    with front(tmp_path, *[answering(BUSY)] * 2, service=IN_TURN) as at, at.connect() as client:
        answer = client.request(GET)
        assert (answer.status, answer.body) == (503, b"busy")
        assert received(at) == [1, 1]


def test_one_attempt_turns_retries_off(tmp_path: Path) -> None:
    service = {**IN_TURN, "retry": {"attempts": 1}}
    with front(tmp_path, answering(BUSY), echo, service=service) as at, at.connect() as client:
        assert client.request(GET).status == 503
        assert received(at) == [1, 0]
        assert at.plane.counted("sluicegate_retries_denied_total") == 0


def test_a_storm_stays_within_the_budget(tmp_path: Path) -> None:
    """Every request fails; at the upstreams, never more than the budget's retries at a time."""
    gate = asyncio.Event()
    retries = most = 0

    async def fails_together(talk: Talk) -> None:
        nonlocal retries, most
        seen = await talk.request()
        again = seen.target in first
        first.add(seen.target)
        retries += again
        most = max(most, retries)
        if not again and len(first) == exchanges:
            gate.set()
        await gate.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        retries -= again
        await talk.send(response(503) if talk.number % 2 else response(502))
        await talk.gone()

    exchanges, first = 50, set[bytes]()
    service = {"breaker": None, "ejection": None, "retry": {"backoff": "0"}}
    with front(tmp_path, fails_together, service=service) as at:
        clients = [at.connect() for _ in range(exchanges)]
        opened = [each.__enter__() for each in clients]
        for number, client in enumerate(opened):
            client.send(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
        assert {client.answer().status for client in opened} <= {502, 503}
        sent = len(at.upstream.requests)
        for each in clients:
            each.__exit__(None, None, None)
        assert most <= 10, "20 % of 50"
        assert exchanges < sent <= exchanges * 1.25 + 3
        assert at.plane.counted("sluicegate_retries_denied_total", "budget") == 2 * exchanges - sent
        settles(at)
        assert at.service.budget.retrying == at.service.budget.live == 0


# --- when ----------


def test_a_retry_waits_at_random_and_not_for_long(tmp_path: Path) -> None:
    clock = MockClock()
    service = {**IN_TURN, "retry": {"backoff": "200ms"}}
    with (
        front(tmp_path, answering(BUSY), echo, clock=clock, service=service) as at,
        at.connect() as client,
    ):
        client.send(GET)
        at.wait(lambda: at.plane.counted("sluicegate_retries_total", "503"), "it is decided")
        assert received(at) == [1, 0]
        at.advance(0.3)
        assert client.answer().status == 200


def test_a_stale_connection_is_replaced_at_once(tmp_path: Path) -> None:
    async def one_each(talk: Talk) -> None:
        await talk.request()
        await talk.send(response())
        await talk.head()
        await talk.close()

    service = {"retry": {"backoff": "10s", "max_backoff": "10s"}}
    with front(tmp_path, one_each, clock=MockClock(), service=service) as at:
        with at.connect() as client:
            assert client.request(GET).status == 200
            assert client.request(GET).status == 200
        assert at.plane.counted("sluicegate_retries_total", "stale") == 1
        assert at.plane.counted("sluicegate_upstream_failures_total") == 0


def busy(after: str) -> Script:
    return answering(response(503, {"Retry-After": after}, b"busy"))


def test_a_target_that_asks_for_patience_is_left_alone_while_others_serve(tmp_path: Path) -> None:
    with front(tmp_path, busy("20"), echo, clock=MockClock(), service=IN_TURN) as at:
        with at.connect() as client:
            client.send(GET)
            at.wait(lambda: at.plane.counted("sluicegate_retries_total"), "it is decided")
            at.advance(0.3)
            assert client.answer().status == 200
            for _ in range(10):
                assert client.request(GET).status == 200
        assert received(at) == [1, 11]


def test_patience_is_granted_where_there_is_nobody_else(tmp_path: Path) -> None:
    script = answering(response(503, {"Retry-After": "1"}), response(body=b"now"))
    with front(tmp_path, script, clock=MockClock()) as at, at.connect() as client:
        client.send(GET)
        at.wait(lambda: at.plane.counted("sluicegate_retries_total"), "it is decided")
        at.advance(0.9)
        assert received(at) == [1]
        at.advance(0.2)
        assert client.answer().body == b"now"


def test_more_patience_than_allowed_is_the_clients_to_have(tmp_path: Path) -> None:
    with front(tmp_path, busy("5")) as at, at.connect() as client:
        answer = client.request(GET)
        assert (answer.status, answer.body, answer.get("retry-after")) == (503, b"busy", "5")
        assert received(at) == [1]
        assert at.plane.counted("sluicegate_retries_denied_total", "retry_after") == 1


# --- what a target is blamed for, and what not ----------


def test_all_attempts_together_have_the_total_time(tmp_path: Path) -> None:
    service = {**IN_TURN, "timeouts": {"first_byte": "2s", "total": "3s"}}
    with (
        front(tmp_path, silent, silent, clock=MockClock(), service=service) as at,
        at.connect() as client,
    ):
        client.send(GET)
        at.wait(lambda: at.upstream.requests, "it is sent")
        at.advance(2.4)
        at.wait(lambda: at.upstreams[1].requests, "it is sent elsewhere")
        at.advance(0.8)
        answer = client.answer()
        assert (answer.status, kind(answer)) == (504, "upstream-timeout")


def failing(at: Front) -> float:
    return at.plane.counted("sluicegate_upstream_failures_total")


def test_a_client_that_leaves_is_nobodys_failure(tmp_path: Path) -> None:
    with front(tmp_path, silent) as at:
        for _ in range(6):
            with at.connect() as client:
                client.send(GET)
                at.wait(lambda: at.in_flight, "it has begun")
            at.wait(lambda: not at.in_flight, "it has ended")
        assert failing(at) == 0
        assert at.target().available


def test_targets_that_fail_in_a_row_are_out_and_503_says_when_to_come_again(tmp_path: Path) -> None:
    targets = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
    with front(tmp_path, echo, service={"targets": targets}) as at, at.connect() as client:
        answers = [client.request(GET) for _ in range(10)]
        assert {answer.status for answer in answers} == {503}
        assert kind(answers[0]) == "upstream-unreachable"
        last = answers[-1]
        assert (last.status, kind(last)) == (503, "unavailable")
        assert int(last.get("retry-after") or 0) >= 1
        assert at.plane.logs[-1]["attempts"] == 0


def test_the_number_of_attempts_is_logged(tmp_path: Path) -> None:
    with front(tmp_path, reset, echo, service=IN_TURN) as at, at.connect() as client:
        client.request(GET)
        at.wait(lambda: at.plane.logs, "it is logged")
        line = at.plane.logs[0]
        assert (line["attempts"], line["status"]) == (2, 200)
        assert line["target"] == f"127.0.0.1:{at.upstreams[1].port}"


def test_a_timer_that_fires_a_little_early_still_tells_of_the_callers_deadline(
    tmp_path: Path,
) -> None:
    clock = MockClock()
    with front(tmp_path, clock=clock) as at:
        asked = exchange(clock=clock)
        call = Call(asked, at.service.destination({}, RouteTimeouts()))
        for left_s, expired in ((0.0005, True), (0.005, False)):
            asked.deadline = clock.monotonic() + left_s
            assert call.expired is expired


def test_what_was_under_way_at_a_target_that_dies_is_saved_whatever_the_budget(
    tmp_path: Path,
) -> None:
    """Half of all that is live at once; the budget is a fifth."""
    gate = asyncio.Event()

    async def dies(talk: Talk) -> None:
        await talk.request()
        await gate.wait()
        talk.reset()

    with front(tmp_path, dies, echo, service={**IN_TURN, "retry": {"backoff": "0"}}) as at:
        clients = [at.connect() for _ in range(40)]
        opened = [each.__enter__() for each in clients]
        for client in opened:
            client.send(GET)
        at.wait(lambda: sum(received(at)) == 40, "all are on their way")
        assert len(at.upstreams[0].requests) == 20
        at.do(gate.set)
        assert [client.answer().status for client in opened] == [200] * 40
        for each in clients:
            each.__exit__(None, None, None)
        assert at.plane.counted("sluicegate_retries_total", "reset") == 20
        assert at.plane.counted("sluicegate_retries_denied_total", "budget") == 0
