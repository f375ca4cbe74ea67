"""What attempts say of their targets, and what they must not be made to say."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from support.front import Front, front, settles
from support.mock_clock import MockClock
from support.ports import free_port
from support.raw_http import Answer
from support.upstreams import Script, Talk, answering, echo, reset, response, silent

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ONCE: dict[str, Any] = {"retry": {"attempts": 1}}
FEW: dict[str, Any] = ONCE | {"breaker": {"min_calls": 5, "window": 10}, "ejection": None}
"""Five bad calls open the breaker."""


def ask(at: Front, times: int, request: bytes = GET) -> list[int]:
    """Return the statuses of requests that follow each other."""
    with at.connect() as client:
        return [client.request(request).status for _ in range(times)]


def kind(answer: Answer) -> str:
    return str(json.loads(answer.body)["type"]).rpartition(":")[2]


# --- what counts ----------


@pytest.mark.parametrize("status", [502, 503, 504])
def test_answers_of_a_gateway_that_failed_count(tmp_path: Path, status: int) -> None:
    with front(tmp_path, answering(response(status, body=b"theirs")), service=FEW) as at:
        assert ask(at, 6) == [status] * 5 + [503]
        assert len(at.upstream.requests) == 5


def test_a_500_does_not_count_unless_told(tmp_path: Path) -> None:
    script = answering(response(500))
    with front(tmp_path / "a", script, service=FEW) as at:
        assert ask(at, 30) == [500] * 30
    told = FEW | {"failure_statuses": ["500", "502-504"]}
    with front(tmp_path / "b", answering(response(500)), service=told) as at:
        assert ask(at, 7) == [500] * 5 + [503] * 2


@pytest.mark.parametrize("script", [reset, answering(b"nonsense\r\n\r\n")])
def test_no_answer_counts(tmp_path: Path, script: Script) -> None:
    with front(tmp_path, script, service=FEW) as at:
        assert ask(at, 7) == [502] * 5 + [503] * 2


def test_a_target_that_cannot_be_connected_to_counts_as_unreachable(tmp_path: Path) -> None:
    service = ONCE | {"targets": [f"http://127.0.0.1:{free_port()}"], "breaker": None}
    with front(tmp_path, echo, service=service) as at:
        assert ask(at, 7) == [503] * 7
        out = [line for line in at.logs if line["event"] == "target_out"]
        assert [line["unreachable"] for line in out] == [True]


def test_a_late_head_counts(tmp_path: Path) -> None:
    async def late(talk: Talk) -> None:
        while True:
            await talk.request()
            at.clock.advance(4)  # type: ignore[attr-defined]
            await talk.send(response())

    with front(tmp_path, late, clock=MockClock(), service=FEW) as at:
        assert ask(at, 6) == [200] * 5 + [503]


def test_a_response_that_breaks_after_a_good_head_counts(tmp_path: Path) -> None:
    async def cut(talk: Talk) -> None:
        await talk.request()
        await talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        talk.reset()

    with front(tmp_path, cut, service=FEW) as at:
        for _ in range(3):
            assert at.target().available
            with at.connect() as client:
                client.send(GET)
                client.read_all()
            settles(at)
        assert not at.target().available, "three breaks are half of six outcomes"


# --- what does not ----------


def blamed(at: Front) -> bool:
    """Say whether anything was held against the target."""
    return at.do(lambda: not at.target().available) or bool(
        at.plane.counted("sluicegate_target_out_total")
    )


def test_clients_that_leave_say_nothing(tmp_path: Path) -> None:
    with front(tmp_path, silent, service=FEW) as at:
        for _ in range(10):
            with at.connect() as client:
                client.send(GET)
                at.wait(lambda: at.in_flight, "it has begun")
            settles(at)
        assert not blamed(at)


def test_callers_without_patience_say_nothing(tmp_path: Path) -> None:
    route = {"policies": [{"deadline": {}}]}
    with front(tmp_path, silent, clock=MockClock(), service=FEW, route=route) as at:
        for count in range(1, 9):
            with at.connect() as client:
                client.send(b"GET / HTTP/1.1\r\nHost: a\r\nDeadline: 300\r\n\r\n")
                at.wait(lambda n=count: len(at.upstream.requests) == n, "it is sent")  # type: ignore[misc]
                at.advance(0.6)
                answer = client.answer()
                assert (answer.status, kind(answer)) == (504, "deadline-passed")
        assert not blamed(at)


def test_time_that_others_used_up_is_not_held_against_a_target(tmp_path: Path) -> None:
    """The whole time goes by in the request's body: first before, then after it was sent on."""
    service = FEW | {"timeouts": {"total": "1s"}}
    with front(tmp_path, silent, clock=MockClock(), service=service) as at:
        for count in range(1, 9):
            with at.connect() as client:
                client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na")
                at.wait(lambda: at.in_flight, "it has begun")
                at.advance(0.9)
                client.send(b"b")
                at.wait(lambda n=count: len(at.upstream.requests) == n, "it is whole")  # type: ignore[misc]
                at.advance(0.4)
                assert client.answer().status == 504
        assert not blamed(at)


def test_a_target_that_had_most_of_the_time_is_to_blame(tmp_path: Path) -> None:
    service = FEW | {"timeouts": {"total": "1s"}}
    with front(tmp_path, silent, clock=MockClock(), service=service) as at:
        for count in range(1, 6):
            with at.connect() as client:
                client.send(GET)
                at.wait(lambda n=count: len(at.upstream.requests) == n, "it is sent")  # type: ignore[misc]
                at.advance(1.3)
                assert client.answer().status == 504
        assert blamed(at)


def test_no_attempt_is_made_when_the_time_is_over_before_it(tmp_path: Path) -> None:
    service = ONCE | {"timeouts": {"total": "1s"}}
    route = {"policies": [{"fault": {"delay": {"time": "2s", "share": 100}}}]}
    with front(tmp_path, echo, clock=MockClock(), service=service, route=route) as at:
        for _ in range(6):
            with at.connect() as client:
                client.send(GET)
                at.wait(lambda: at.in_flight, "it has begun")
                at.advance(2.2)
                answer = client.answer()
                assert (answer.status, kind(answer)) == (504, "upstream-timeout")
        assert not blamed(at)
        assert at.upstream.requests == []


def test_a_head_that_comes_while_the_client_still_sends_is_not_late(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def early(talk: Talk) -> None:
        await talk.head()
        await gate.wait()
        gate.clear()
        await talk.send(response())
        await talk.gone()

    with front(tmp_path, early, clock=MockClock(), service=FEW) as at:
        for _ in range(6):
            with at.connect() as client:
                client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na")
                at.wait(lambda: at.in_flight, "it has begun")
                at.advance(4)
                at.do(gate.set)
                assert client.answer().status == 200
        assert not blamed(at)


def test_a_pool_that_is_full_shows_and_says_nothing(tmp_path: Path) -> None:
    service = FEW | {"pool": {"max_connections": 1}, "timeouts": {"connect": "300ms"}}
    with front(tmp_path, silent, service=service) as at, at.connect() as first:
        first.send(GET)
        at.wait(lambda: at.upstream.requests, "the only connection is in use")
        assert ask(at, 6) == [503] * 6
        assert at.plane.counted("sluicegate_upstream_failures_total", "pool_full") == 6
        assert not blamed(at)
