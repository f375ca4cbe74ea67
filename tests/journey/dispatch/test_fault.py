"""`fault`: what is injected, how often, and how it shows."""

from __future__ import annotations

import asyncio
import math
from random import Random
from typing import Any

import msgspec
import pytest

from sluicegate.exchange import Exchange
from sluicegate.journey.dispatch.fault import Config, Policy
from sluicegate.model.units import convert
from sluicegate.policy import Parts
from support.exchanges import counted, exchange, parts, run, sink, target
from support.mock_clock import MockClock

INJECTED = "sluicegate_faults_injected_total"


def policy(made: Parts | None = None, **config: Any) -> Policy:
    chosen = Policy(convert(config, Config), made or parts(MockClock()))
    chosen.random = Random(7)
    return chosen


def test_an_abort_answers_in_the_services_place_and_says_so() -> None:
    made = parts(MockClock())
    asked = exchange()
    sent = run(policy(made, abort={"status": 418}), asked)
    assert (sent.status, sent.header("sluicegate-fault")) == (418, "abort")
    assert sent.problem()["type"].endswith(":fault-injected")
    assert sent.problem()["status"] == 418
    assert asked.outcome == "fault"
    assert counted(made, INJECTED, "route:things", "abort") == 1


def test_a_cut_ends_the_connection_without_an_answer() -> None:
    made = parts(MockClock())
    asked = exchange()
    sent = run(policy(made, abort={"cut": True}), asked)
    assert sent.was_cut
    assert (sent.status, asked.ended, asked.outcome) == (0, True, "fault")
    assert counted(made, INJECTED, "route:things", "cut") == 1


@pytest.mark.parametrize("share", [0, 0.5, 10, 50, 100])
def test_a_share_of_the_requests_is_hit(share: float) -> None:
    made = parts(MockClock())
    chosen = policy(made, abort={"status": 500, "share": share})
    chosen.random.seed(7)

    async def work() -> None:
        for _ in range(4000):
            await chosen.handle(exchange(), target())

    asyncio.run(work())
    deviation = math.sqrt(4000 * share / 100 * (1 - share / 100))
    hit = counted(made, INJECTED, "route:things", "abort")
    assert hit == pytest.approx(share * 40, abs=4 * deviation)


def test_only_requests_that_carry_the_headers_are_hit() -> None:
    chosen = policy(abort={"status": 500}, header={"X-Drill": "on", "x-who": "me"})
    assert run(chosen, exchange(headers=[("x-drill", "on")])).status == 200
    assert run(chosen, exchange(headers=[("x-drill", "off"), ("x-who", "me")])).status == 200
    both = [("x-drill", "off"), ("x-drill", "on"), ("x-who", "me")]
    assert run(chosen, exchange(headers=both)).status == 500


def delayed(chosen: Policy, asked: Exchange, clock: MockClock, seconds: float) -> list[int]:
    """Return the status after each of ten parts of `seconds`; 0 as long as there is no answer."""
    seen = []

    async def work() -> None:
        task = asyncio.ensure_future(chosen.handle(asked, target()))
        for _ in range(10):
            await asyncio.sleep(0)
            seen.append(sink(asked).status)
            clock.advance(seconds / 10)
        await task
        seen.append(sink(asked).status)

    asyncio.run(work())
    return seen


def test_a_delay_comes_before_the_service_and_says_so() -> None:
    clock = MockClock()
    made = parts(clock)
    asked = exchange(clock=clock)
    seen = delayed(policy(made, delay={"time": "1s"}), asked, clock, 1)
    assert seen == [0] * 10 + [200]
    assert sink(asked).header("sluicegate-fault") == "delay"
    assert counted(made, INJECTED, "route:things", "delay") == 1


def test_the_callers_deadline_ends_a_delay() -> None:
    clock = MockClock()
    asked = exchange(clock=clock)
    asked.deadline = clock.monotonic() + 0.5
    seen = delayed(policy(parts(clock), delay={"time": "1s"}), asked, clock, 1)
    assert seen == [0] * 5 + [504] * 6
    assert sink(asked).header("sluicegate-fault") == "delay"
    assert sink(asked).problem()["type"].endswith(":deadline-passed")


def test_a_delay_within_the_deadline_is_only_a_delay() -> None:
    clock = MockClock()
    asked = exchange(clock=clock)
    asked.deadline = clock.monotonic() + 1
    assert delayed(policy(parts(clock), delay={"time": "500ms"}), asked, clock, 1)[-1] == 200


def test_a_client_that_leaves_ends_a_delay() -> None:
    clock = MockClock()
    asked = exchange(clock=clock)

    async def work() -> None:
        chosen = policy(parts(clock), delay={"time": "1s"})
        task = asyncio.ensure_future(chosen.handle(asked, target()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        clock.advance(2)
        await asyncio.sleep(0)

    asyncio.run(work())
    assert sink(asked).status == 0


def test_a_delay_and_an_abort_both_show() -> None:
    clock = MockClock()
    asked = exchange(clock=clock)
    chosen = policy(parts(clock), delay={"time": "1s"}, abort={"status": 503})
    assert delayed(chosen, asked, clock, 1)[-1] == 503
    assert sink(asked).header("sluicegate-fault") == "abort, delay"


@pytest.mark.parametrize(
    "config",
    [{}, {"abort": {}}, {"abort": {"status": 500, "cut": True}}, {"abort": {"status": 200}},
     {"abort": {"status": 600}}, {"delay": {}}, {"delay": {"time": "1s", "share": 101}},
     {"delay": {"time": "1s", "share": -1}}],
)  # fmt: skip
def test_settings_that_mean_nothing_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        policy(**config)
