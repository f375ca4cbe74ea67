"""Nesting, and what becomes of errors and of being cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import structlog

from sluicegate.errors import CLIENT_GONE, NO_ROUTE, UPSTREAM_TIMEOUT, Refused, UpstreamTimeout
from sluicegate.exchange import Exchange, Response
from sluicegate.headers import Headers
from sluicegate.journey.run import answer_probe, answering, follow_route, nest, run, second_half
from sluicegate.policy import Onward
from support.exchanges import exchange, sink

Handler = Callable[[Exchange], Awaitable[None]]


def through(handler: Handler, asked: Exchange | None = None) -> Exchange:
    """Run a handler as a worker does."""
    asked = asked or exchange()
    asyncio.run(run(asked, answering(handler)))
    return asked


async def respond(asked: Exchange) -> None:
    asked.respond(200)


def test_the_first_handle_is_the_outermost() -> None:
    order: list[str] = []

    def named(name: str) -> Callable[[Exchange, Onward], Awaitable[None]]:
        async def handle(asked: Exchange, onward: Onward) -> None:
            order.append(name)
            await onward(asked)
            order.append("/" + name)

        return handle

    through(nest([named("a"), named("b")], respond))
    assert order == ["a", "b", "/b", "/a"]
    assert nest([], respond) is respond


def test_a_refusal_is_answered_and_any_other_error_is_500_and_logged() -> None:
    async def refuses(_: Exchange) -> None:
        raise Refused(NO_ROUTE)

    async def fails(_: Exchange) -> None:
        raise KeyError("secret")

    async def times_out(_: Exchange) -> None:
        raise UpstreamTimeout

    with structlog.testing.capture_logs() as logs:
        assert sink(through(refuses)).status == 404
        assert logs == []
        failed = through(fails)
        assert (sink(failed).status, b"secret" in sink(failed).body) == (500, False)
        assert logs[0]["log_level"] == "error"
        assert sink(through(times_out)).status == UPSTREAM_TIMEOUT.status


def test_an_error_after_the_head_cuts() -> None:
    async def fails_late(asked: Exchange) -> None:
        asked.head(Response(200, Headers(), 9), None)
        raise Refused(NO_ROUTE)

    asked = through(fails_late)
    assert sink(asked).was_cut
    assert not sink(asked).ended


def test_an_error_after_the_end_changes_nothing() -> None:
    async def fails_last(asked: Exchange) -> None:
        asked.respond(200)
        raise Refused(NO_ROUTE)

    asked = through(fails_last)
    assert (sink(asked).status, sink(asked).was_cut) == (200, False)


def test_who_never_answers_is_cut() -> None:
    async def forgets(_: Exchange) -> None:
        """Do nothing at all."""

    assert sink(through(forgets)).was_cut


def test_a_failing_record_takes_nothing_down() -> None:
    async def record(asked: Exchange) -> None:
        await respond(asked)
        raise ValueError("disk full")

    asked = exchange()
    with structlog.testing.capture_logs() as logs:
        asyncio.run(run(asked, record))
    assert logs[0]["event"] == "record failed"
    assert sink(asked).ended


def cancelled(asked: Exchange) -> list[str]:
    """Cancel an exchange while a stage waits; return what its stages saw."""
    seen: list[str] = []

    async def waits(_: Exchange) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cleaned up")

    async def work() -> None:
        asked.task = asyncio.create_task(run(asked, answering(waits)))
        await asyncio.sleep(0)
        asked.task.cancel()
        await asked.task

    asyncio.run(work())
    return seen


def test_a_client_that_left_is_not_answered_and_every_stage_cleans_up() -> None:
    asked = exchange()
    assert cancelled(asked) == ["cleaned up"]
    assert sink(asked).was_cut
    assert asked.problem is CLIENT_GONE


def test_a_time_out_cancels_with_an_answer() -> None:
    asked = exchange()
    asked.refused = None
    seen: list[int] = []

    async def waits(_: Exchange) -> None:
        asked.refused = Refused(UPSTREAM_TIMEOUT)
        assert asked.task is not None
        asked.task.cancel()
        await asyncio.sleep(1)

    async def record(it: Exchange) -> None:
        await answering(waits)(it)
        await asyncio.sleep(0)  # is not cancelled once more
        seen.append(sink(it).status)

    async def work() -> None:
        asked.task = asyncio.create_task(run(asked, record))
        await asked.task

    asyncio.run(work())
    assert seen == [504]


def test_what_could_not_be_read_is_answered_without_a_stage() -> None:
    async def never(_: Exchange) -> None:
        raise AssertionError

    asked = exchange()
    asked.refused = Refused(NO_ROUTE, "nothing here")
    through(never, asked)
    assert sink(asked).problem()["detail"] == "nothing here"


def test_a_route_is_found_and_followed_to_its_second_half() -> None:
    asked = exchange()
    asked.plan = "gold"
    plans: list[str | None] = []

    def half(plan: str | None) -> Handler:
        plans.append(plan)
        return respond

    route: Any = SimpleNamespace(chain=second_half, second_half=half)
    snapshot: Any = SimpleNamespace(health=None, find=lambda _: route)
    asked.snapshot = snapshot
    through(follow_route, asked)
    assert asked.route is route
    assert plans == ["gold"]
    assert sink(asked).status == 200


def test_a_probe_gets_a_word_and_404_where_there_is_none() -> None:
    words = {"/actuator/health/liveness": (200, b'{"status":"UP"}')}
    for health in (SimpleNamespace(answer=words.get), None):
        for path in ("/actuator/health/liveness", "/actuator/health/x"):
            asked = exchange(path=path)
            snapshot: Any = SimpleNamespace(health=health)
            asked.snapshot = snapshot
            through(answer_probe, asked)
            assert sink(asked).status == (200 if health and path in words else 404)
