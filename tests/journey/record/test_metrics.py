"""`metrics`: what is counted, and under which labels."""

from __future__ import annotations

import asyncio

import pytest

from sluicegate.errors import CLIENT_GONE, UPSTREAM_FAILED, Problem
from sluicegate.exchange import Exchange, Response
from sluicegate.headers import Headers
from sluicegate.journey.record.metrics import Config, Policy
from sluicegate.policy import Parts
from support.exchanges import body, counted, exchange, parts, run, target
from support.mock_clock import MockClock


@pytest.fixture
def clock() -> MockClock:
    return MockClock()


@pytest.fixture
def given(clock: MockClock) -> Parts:
    return parts(clock)


def test_an_exchange_counts_once_under_route_method_and_status(given: Parts) -> None:
    policy = Policy(Config(), given)
    for status in (200, 200, 503):
        run(policy, exchange("POST"), target(status))
    assert counted(given, "sluicegate_requests_total", "things", "POST", "200") == 2
    assert counted(given, "sluicegate_requests_total", "things", "POST", "503") == 1


def test_no_route_and_unknown_methods_have_labels_of_their_own(given: Parts) -> None:
    run(Policy(Config(), given), exchange("BREW", route=None), target(404))
    assert counted(given, "sluicegate_requests_total", "-", "other", "404") == 1


def test_durations_go_into_the_bucket_of_the_time_since_the_head(
    given: Parts, clock: MockClock
) -> None:
    asked = exchange(clock=clock)
    clock.advance(0.3)
    run(Policy(Config(), given), asked)
    cell = given.metrics.families["sluicegate_request_duration_seconds"].histogram("things")
    assert cell.sum == pytest.approx(0.3)
    assert cell.counts[cell.bounds.index(0.5)] == 1


def test_bytes_of_bodies_are_summed(given: Parts) -> None:
    policy = Policy(Config(), given)
    for _ in range(2):
        run(policy, exchange(request_body=body(b"12345")), target(200, data=b"123"))
    assert counted(given, "sluicegate_request_bytes_total", "things") == 10
    assert counted(given, "sluicegate_response_bytes_total", "things") == 6


@pytest.mark.parametrize(
    ("problem", "expected"), [(UPSTREAM_FAILED, 1), (CLIENT_GONE, 0), (None, 0)], ids=str
)
def test_what_breaks_off_after_its_head_counts_unless_the_client_has_left(
    given: Parts, problem: Problem | None, expected: int
) -> None:
    async def broken(asked: Exchange) -> None:
        asked.head(Response(200, Headers(), 100), None)
        asked.problem = problem
        asked.cut()

    policy = Policy(Config(), given)
    run(policy, exchange(), broken)
    assert counted(given, "sluicegate_requests_total", "things", "GET", "200") == 1
    assert counted(given, "sluicegate_responses_incomplete_total", "things") == expected


def test_an_error_that_is_told_whole_is_not_incomplete(given: Parts) -> None:
    async def refused(asked: Exchange) -> None:
        asked.refuse(UPSTREAM_FAILED)

    run(Policy(Config(), given), exchange(), refused)
    assert counted(given, "sluicegate_responses_incomplete_total", "things") == 0


def test_a_client_that_went_away_counts_as_499_and_is_in_flight_no_more(given: Parts) -> None:
    policy = Policy(Config(), given)

    async def work() -> None:
        hanging = asyncio.Event()

        async def onward(_: Exchange) -> None:
            await hanging.wait()

        task = asyncio.create_task(policy.handle(exchange(), onward))
        await asyncio.sleep(0)
        assert counted(given, "sluicegate_requests_in_flight") == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(work())
    assert counted(given, "sluicegate_requests_in_flight") == 0
    assert counted(given, "sluicegate_requests_total", "things", "GET", "499") == 1


def test_a_reload_goes_on_counting_where_the_last_one_stopped(given: Parts) -> None:
    for _ in range(2):
        run(Policy(Config(), given), exchange())
    assert counted(given, "sluicegate_requests_total", "things", "GET", "200") == 2
