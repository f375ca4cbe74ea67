"""Faults on purpose, copies beside the traffic, and callers who do not wait for ever."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from support.front import front, opened, settles
from support.mock_clock import MockClock
from support.shadow import settled, shadowed
from support.upstreams import Talk, answering, echo, response, silent

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def timed(milliseconds: int, method: bytes = b"GET") -> bytes:
    return b"%b / HTTP/1.1\r\nHost: a\r\nDeadline: %d\r\n\r\n" % (method, milliseconds)


def uses(*policies: dict[str, Any]) -> dict[str, Any]:
    return {"policies": list(policies)}


# --- fault ----------------------------------------------------------------------------------------


def test_a_drill_can_be_kept_to_those_who_ask_for_it(tmp_path: Path) -> None:
    drill = {"fault": {"abort": {"status": 503}, "header": {"x-drill": "yes"}}}
    cors = {"cors": {"origins": ["*"]}}
    asks = b"GET / HTTP/1.1\r\nHost: a\r\nX-Drill: yes\r\nOrigin: https://b.example\r\n\r\n"
    with front(tmp_path, echo, route=uses(drill, cors)) as at, at.connect() as client:
        assert client.request(GET).status == 200
        answer = client.request(asks)
        assert (answer.status, answer.get("sluicegate-fault")) == (503, "abort")
        assert answer.get("access-control-allow-origin") == "*"
        assert json.loads(answer.body)["type"] == "urn:sluicegate:problem:fault-injected"
        assert len(at.upstream.requests) == 1
        counted = at.plane.counted
        assert counted("sluicegate_faults_injected_total", "route:all", "abort") == 1


def test_a_cut_is_a_connection_that_ends_without_an_answer(tmp_path: Path) -> None:
    drill = {"fault": {"abort": {"cut": True}}}
    with front(tmp_path, echo, route=uses(drill)) as at:
        with at.connect() as client:
            client.send(GET)
            assert client.read_all() == b""
        settles(at)
        assert at.upstream.requests == []


def test_a_delay_holds_a_request_back_and_nothing_else(tmp_path: Path) -> None:
    clock = MockClock()
    drill = {"fault": {"delay": {"time": "5s"}, "header": {"x-drill": "yes"}}}
    asks = GET.replace(b"Host: a", b"Host: a\r\nX-Drill: yes")
    with (
        front(tmp_path, echo, clock=clock, route=uses(drill)) as at,
        at.connect() as slow,
        at.connect() as other,
    ):
        slow.send(asks)
        at.wait(lambda: at.in_flight, "the drill has begun")
        assert other.request(GET).status == 200
        at.advance(4.5)
        assert len(at.upstream.requests) == 1
        at.advance(1)
        answer = slow.answer()
        assert (answer.status, answer.get("sluicegate-fault")) == (200, "delay")


def test_who_leaves_during_a_delay_is_not_sent_on(tmp_path: Path) -> None:
    clock = MockClock()
    drill = {"fault": {"delay": {"time": "5s"}}}
    with front(tmp_path, echo, clock=clock, route=uses(drill)) as at:
        with at.connect() as client:
            client.send(GET)
            at.wait(lambda: at.in_flight, "the drill has begun")
        settles(at)
        at.advance(6)
        assert at.upstream.requests == []


def test_the_callers_deadline_ends_a_delay(tmp_path: Path) -> None:
    clock = MockClock()
    drill = uses({"deadline": {}}, {"fault": {"delay": {"time": "5s"}}})
    with front(tmp_path, echo, clock=clock, route=drill) as at, at.connect() as client:
        client.send(timed(1000))
        at.wait(lambda: at.in_flight, "the drill has begun")
        at.advance(1)
        answer = client.answer()
        assert (answer.status, answer.get("sluicegate-fault")) == (504, "delay")
        assert at.upstream.requests == []


# --- deadline -------------------------------------------------------------------------------------


def test_the_service_is_told_what_is_left_never_what_came(tmp_path: Path) -> None:
    clock = MockClock()
    policies = uses({"deadline": {"max": "10s"}}, {"fault": {"delay": {"time": "400ms"}}})
    with front(tmp_path, echo, clock=clock, route=policies) as at, at.connect() as client:
        for given, sent_on in ((1000, 600), (60_000, 9600)):
            client.send(timed(given))
            at.wait(lambda: at.in_flight, "it has begun")
            at.advance(0.4)
            assert client.answer().status == 200
            settles(at)
            assert at.upstream.requests[-1].all(b"deadline") == [b"%d" % sent_on]


def test_without_a_deadline_nothing_is_sent_on(tmp_path: Path) -> None:
    with front(tmp_path, echo, route=uses({"deadline": {}})) as at, at.connect() as client:
        assert client.request(GET).status == 200
        assert at.upstream.requests[0].get(b"deadline") is None


def test_a_service_that_is_too_slow_for_its_caller_gets_a_504(tmp_path: Path) -> None:
    clock = MockClock()
    policies = uses({"deadline": {"default": "2s"}})
    with front(tmp_path, silent, clock=clock, route=policies) as at, at.connect() as client:
        client.send(GET)
        at.wait(lambda: at.upstream.requests, "the service has it")
        at.advance(2.5)
        answer = client.answer()
        assert answer.status == 504
        assert json.loads(answer.body)["type"] == "urn:sluicegate:problem:deadline-passed"


def test_a_deadline_that_cannot_be_read_or_met_never_reaches_the_service(tmp_path: Path) -> None:
    policies = uses({"deadline": {"header": "X-Left"}})
    with front(tmp_path, echo, route=policies) as at, at.connect() as client:
        answer = client.request(GET.replace(b"Host: a", b"Host: a\r\nX-Left: 5s"))
        assert answer.status == 400
        assert "`X-Left`" in json.loads(answer.body)["detail"]
        assert client.request(GET.replace(b"Host: a", b"Host: a\r\nX-Left: 0")).status == 504
        assert at.upstream.requests == []


# --- mirror ---------------------------------------------------------------------------------------


def test_a_copy_is_of_what_the_service_gets(tmp_path: Path) -> None:
    shapes = [
        {"json": {"request": {"set": {"a": 1}}}},
        {"headers": {"request": {"set": {"x-a": "b"}}}},
        {"rewrite": {"add_prefix": "/v2"}},
    ]
    sent = (
        b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Content-Length: 2\r\n\r\n{}"
    )
    done = answering(response())
    with shadowed(tmp_path, done, done, policies=shapes) as at, at.connect() as client:
        client.request(sent)
        settled(at, "ok")
        for upstream in at.upstreams:
            (received,) = upstream.requests
            assert (received.target, received.body) == (b"/v2/p", b'{"a":1}')
            assert received.get(b"x-a") == b"b"


def test_a_large_upload_streams_on_while_it_is_not_copied(tmp_path: Path) -> None:
    data = b"x" * 3_000_000
    sent = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    done = answering(response())
    with shadowed(tmp_path, done, done) as at, at.connect() as client:
        client.send(sent + b"%x\r\n" % len(data) + data + b"\r\n")
        assert client.request(b"0\r\n\r\n").status == 200
        settled(at, "too_large")
        assert at.upstreams[0].requests[0].body == data
        assert at.upstreams[1].requests == []


def test_a_dead_mirror_costs_the_traffic_nothing(tmp_path: Path) -> None:
    with shadowed(tmp_path, echo, silent) as at, at.connect() as client:
        at.call(at.upstreams[1].stop())
        for _ in range(5):
            assert client.request(GET).status == 200
        settled(at, "failed", 5)


def test_an_answer_does_not_wait_for_the_copy(tmp_path: Path) -> None:
    gate = threading.Event()

    async def late(talk: Talk) -> None:
        while True:
            await talk.request()
            await opened(gate)
            await talk.send(response())

    with shadowed(tmp_path, echo, late) as at, at.connect() as client:
        for _ in range(3):
            assert client.request(GET).status == 200
        settles(at)
        gate.set()
        settled(at, "ok", 3)
