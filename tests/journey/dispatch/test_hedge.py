"""A second attempt beside a slow first one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from support.front import Front, front, settles
from support.mock_clock import MockClock
from support.upstreams import Script, Talk, answering, response

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SERVICE = {"balance": "weighted_round_robin", "hedge": {"max_share": 50}}
LEARNED = 120
"""Requests after which it is known what is slow."""


def quick_then(later: Script) -> Script:
    """Make a script that answers quickly while the gateway learns, then follows `later`."""

    async def script(talk: Talk) -> None:
        while True:
            received = await talk.head()
            if received.target == b"/slow":
                await later(talk)
                return
            await talk.send(response(body=b"quick"))

    return script


async def stalls(talk: Talk) -> None:
    await talk.gone()


async def answers(talk: Talk) -> None:
    await talk.send(response(body=b"second"))
    await talk.gone()


def learn(at: Front) -> None:
    with at.connect() as client:
        for _ in range(LEARNED):
            assert client.request(GET).status == 200


def slow(method: bytes = b"GET") -> bytes:
    return method + b" /slow HTTP/1.1\r\nHost: a\r\n\r\n"


def asked(at: Front, target: bytes = b"/slow") -> list[int]:
    return [sum(seen.target == target for seen in each.requests) for each in at.upstreams]


def test_the_faster_attempt_is_passed_on_and_the_other_cancelled(tmp_path: Path) -> None:
    first, second = quick_then(stalls), quick_then(answers)
    with front(tmp_path, first, second, clock=MockClock(), service=SERVICE) as at:
        learn(at)
        with at.connect() as client:
            client.send(slow())
            at.wait(lambda: sum(asked(at)), "the first attempt is made")
            at.advance(0.1)
            assert client.answer().body == b"second"
        settles(at)
        assert asked(at) == [1, 1]
        assert at.plane.counted("sluicegate_hedges_total", "won") == 1
        at.wait(lambda: not at.upstreams[0].open, "the slow connection is closed")
        assert [each.in_flight for each in at.service.targets] == [0, 0]
        assert all(each.available for each in at.service.targets)
        assert at.plane.counted("sluicegate_upstream_failures_total") == 0


def test_a_first_attempt_that_answers_after_all_cancels_the_second(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def late(talk: Talk) -> None:
        await gate.wait()
        await talk.send(response(body=b"first"))
        await talk.gone()

    with front(
        tmp_path, quick_then(late), quick_then(stalls), clock=MockClock(), service=SERVICE
    ) as at:
        learn(at)
        with at.connect() as client:
            client.send(slow())  # it is the first target's turn: the number of learned ones is even
            at.wait(lambda: asked(at)[0], "the first attempt is made")
            at.advance(0.1)
            at.wait(lambda: asked(at)[1], "the second attempt is made")
            at.do(gate.set)
            assert client.answer().body == b"first"
        settles(at)
        assert at.plane.counted("sluicegate_hedges_total", "lost") == 1
        at.wait(lambda: not at.upstreams[1].open, "the second connection is closed")


def test_what_cannot_be_sent_twice_is_not_hedged(tmp_path: Path) -> None:
    with front(tmp_path, *[quick_then(stalls)] * 2, clock=MockClock(), service=SERVICE) as at:
        learn(at)
        with at.connect() as client:
            client.send(slow(b"POST"))
            at.wait(lambda: sum(asked(at)), "it is sent")
            at.advance(1)
            assert sum(asked(at)) == 1
        settles(at)


def test_a_client_that_leaves_ends_both_attempts(tmp_path: Path) -> None:
    with front(tmp_path, *[quick_then(stalls)] * 2, clock=MockClock(), service=SERVICE) as at:
        learn(at)
        with at.connect() as client:
            client.send(slow())
            at.wait(lambda: sum(asked(at)), "the first attempt is made")
            at.advance(0.1)
            at.wait(lambda: sum(asked(at)) == 2, "the second attempt is made")
        settles(at)
        at.wait(lambda: not any(each.open for each in at.upstreams), "both are closed")
        assert [each.in_flight for each in at.service.targets] == [0, 0]


def test_an_answer_that_would_be_retried_loses_while_the_other_is_under_way(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def fails(talk: Talk) -> None:
        await gate.wait()
        await talk.send(response(503))
        await talk.gone()

    async def waits(talk: Talk) -> None:
        await gate.wait()
        for _ in range(50):
            await asyncio.sleep(0)
        await talk.send(response(body=b"good"))
        await talk.gone()

    with front(
        tmp_path, quick_then(fails), quick_then(waits), clock=MockClock(), service=SERVICE
    ) as at:
        learn(at)
        with at.connect() as client:
            client.send(slow())
            at.wait(lambda: sum(asked(at)), "the first attempt is made")
            at.advance(0.1)
            at.wait(lambda: sum(asked(at)) == 2, "the second attempt is made")
            at.do(gate.set)
            answer = client.answer()
            assert (answer.status, answer.body) == (200, b"good")
        settles(at)


def test_an_attempt_that_fails_before_it_is_slow_is_retried_as_ever(tmp_path: Path) -> None:
    with (
        front(
            tmp_path,
            answering(response(503)),
            answering(response()),
            service={**SERVICE, "retry": {"backoff": "0"}},
        ) as at,
        at.connect() as client,
    ):
        assert client.request(GET).status == 200
        assert client.request(GET).status == 200
        assert at.plane.counted("sluicegate_hedges_total") == 0


def test_a_quick_service_is_not_asked_twice(tmp_path: Path) -> None:
    with front(tmp_path, *[answering(response())] * 2, clock=MockClock(), service=SERVICE) as at:
        learn(at)
        learn(at)
        assert at.plane.counted("sluicegate_hedges_total") == 0
        assert at.plane.counted("sluicegate_upstream_attempts_total") == 2 * LEARNED


def test_a_first_attempt_that_is_chosen_and_then_breaks_off_is_followed_by_another(
    tmp_path: Path,
) -> None:
    gate = asyncio.Event()

    async def in_turn(talk: Talk) -> None:
        number = sum(asked(at))
        await gate.wait()
        if number == 1:
            await talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            talk.reset()
        elif number == 3:
            await talk.send(response(body=b"whole"))
        await talk.gone()

    async def holds(exchange: Any) -> None:
        async def same(_: object, body: bytes) -> bytes:
            return body

        exchange.whole(1000, same)
        await chain(exchange)

    service = {**SERVICE, "retry": {"attempts": 3, "backoff": "0"}}
    with front(tmp_path, *[quick_then(in_turn)] * 2, clock=MockClock(), service=service) as at:
        learn(at)
        route: Any = at.plane.inner.snapshot.routes["all"]  # type: ignore[union-attr]
        chain, route.chain = route.chain, holds
        with at.connect() as client:
            client.send(slow())
            at.wait(lambda: asked(at)[0], "the first attempt is made")
            at.advance(0.1)
            at.wait(lambda: asked(at)[1], "the second attempt is made")
            at.do(gate.set)
            assert client.answer().body == b"whole"
        settles(at)


def test_a_first_attempt_that_is_still_connecting_holds_nothing_up(tmp_path: Path) -> None:
    class Hangs:
        async def addresses(self, *_: object) -> list[str]:
            await asyncio.Event().wait()
            return []

    service = {**SERVICE, "timeouts": {"connect": "0"}}
    scripts = quick_then(stalls), quick_then(answers)
    with front(tmp_path, *scripts, clock=MockClock(), service=service) as at:
        learn(at)
        hangs: Any = at.target(0).pool
        hangs._resolver = Hangs()
        at.do(lambda: [each.close() for each in hangs._idle])
        with at.connect() as client:
            client.send(slow())
            at.wait(lambda: at.target(0).in_flight, "the first attempt connects")
            at.advance(0.1)
            assert client.answer().body == b"second"
            at.wait(lambda: not at.target(0).in_flight, "the first attempt is given up")
        settles(at)
        assert at.service.hedging is not None
        assert max(at.service.hedging._times) < 1
