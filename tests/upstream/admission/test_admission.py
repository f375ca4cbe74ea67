"""The door of a service: permits, a queue with a bound, and nothing that leaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.errors import OVERLOADED, Refused
from sluicegate.metrics import Metrics
from sluicegate.model.resilience import Concurrency
from sluicegate.model.units import convert
from sluicegate.upstream.admission.admission import Admission
from support.loops import run
from support.mock_clock import MockClock

LOW, NORMAL, HIGH, CRITICAL = range(4)


class Door:
    """An admission, its clock, and what has come of those who waited, in order."""

    def __init__(self, **config: Any) -> None:
        self.clock = MockClock()
        self.metrics = Metrics()
        self.admission = self.another(**config)
        self.came: list[str] = []
        self.refusals: list[Any] = []

    def another(self, **config: Any) -> Admission:
        concurrency = convert({"limit": 1, **config}, Concurrency)
        return Admission(concurrency, self.clock, self.metrics, "up")

    def fill(self) -> None:
        while self.admission.enter():
            pass

    async def ask(
        self, name: str, priority: int = NORMAL, until: float = inf
    ) -> asyncio.Task[None]:
        """Begin to wait, and let the loop turn."""

        async def work() -> None:
            try:
                await self.admission.wait(priority, until)
            except Refused as refused:
                self.came.append(f"{name} refused: {refused.detail}")
                self.refusals.append((refused.problem, refused.headers))
            else:
                self.came.append(name)

        task = asyncio.create_task(work())
        await turn()
        return task

    def number(self, family: str, *labels: str) -> float:
        self.metrics.dump()
        return self.metrics.families[f"sluicegate_{family}"].cell("up", *labels).value

    @property
    def numbers(self) -> tuple[float, float, float]:
        """The limit, permits in use, and how many wait: as the metrics show them."""
        return (
            self.number("concurrency_limit"),
            self.number("concurrency_in_use"),
            self.number("queue_waiting"),
        )


def answered(admission: Admission, ttfb_s: float | None) -> None:
    """Take the head of an answer, and leave."""
    if ttfb_s is not None:
        admission.observe(ttfb_s, admission._clock.monotonic())
    admission.leave()


async def turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def at(door: Door, work: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await work()
        await turn()

    run(whole())
    assert door.number("queue_waiting") == door.admission._queue.length


FULL = "too many requests are waiting for the service"
LATE = "the service had no room for the request in time"


def test_so_many_enter_and_no_more() -> None:
    door = Door(limit=2)
    assert [door.admission.enter() for _ in range(3)] == [True, True, False]
    assert door.numbers == (2, 2, 0)
    answered(door.admission, 0.1)
    assert door.admission.enter()


def test_a_permit_that_comes_back_goes_to_the_most_important_that_waits() -> None:
    door = Door()

    async def work() -> None:
        door.fill()
        for name, priority in (("a", LOW), ("b", NORMAL), ("c", CRITICAL), ("d", NORMAL)):
            await door.ask(name, priority)
        assert door.numbers == (1, 1, 4)
        for _ in range(5):
            door.admission.leave()
            await turn()
        assert door.came == ["c", "b", "d", "a"]
        assert door.numbers == (1, 0, 0)

    at(door, work)


def test_nobody_enters_past_those_who_wait() -> None:
    door = Door()

    async def work() -> None:
        door.fill()
        await door.ask("waits")
        door.admission.leave()  # belongs to who waits, although it has not woken yet
        assert not door.admission.enter()
        await turn()
        assert door.came == ["waits"]

    at(door, work)


def test_waiting_ends_after_the_time_of_the_queue() -> None:
    door = Door(queue={"time": "500ms"})

    async def work() -> None:
        door.fill()
        await door.ask("a")
        door.clock.advance(0.49)
        await turn()
        assert door.came == []
        door.clock.advance(0.01)
        await turn()
        assert door.came == [f"a refused: {LATE}"]
        assert door.refusals == [(OVERLOADED, ((b"retry-after", b"1"),))]
        assert door.number("shed_total", "normal", "late") == 1
        assert door.numbers == (1, 1, 0)

    at(door, work)


def test_waiting_ends_when_nobody_waits_for_the_answer_any_more() -> None:
    door = Door(queue={"time": "10s"})

    async def work() -> None:
        door.fill()
        await door.ask("a", until=door.clock.monotonic() + 2)
        await door.ask("too late", until=door.clock.monotonic())
        assert door.came == [f"too late refused: {LATE}"]
        door.clock.advance(2)
        await turn()
        assert door.came[1:] == [f"a refused: {LATE}"]

    at(door, work)


def test_a_full_queue_sheds_the_least_important() -> None:
    door = Door(queue={"size": 2})

    async def work() -> None:
        door.fill()
        await door.ask("old", LOW)
        await door.ask("new", LOW)
        await door.ask("late", LOW)
        await door.ask("important", HIGH)
        assert door.came == [f"late refused: {FULL}", f"new refused: {FULL}"]
        assert door.refusals == [(OVERLOADED, ((b"retry-after", b"1"),))] * 2
        assert door.number("shed_total", "low", "full") == 2
        assert door.numbers == (1, 1, 2)

    at(door, work)


@pytest.mark.parametrize("queue", [{"size": 0}, {"time": "0"}])
def test_without_a_queue_nobody_waits(queue: dict[str, Any]) -> None:
    door = Door(queue=queue)

    async def work() -> None:
        door.fill()
        await door.ask("a", CRITICAL)
        assert len(door.came) == 1
        assert door.numbers == (1, 1, 0)

    at(door, work)


def test_a_client_that_goes_away_while_it_waits_leaves_no_trace() -> None:
    door = Door()

    async def work() -> None:
        door.fill()
        leaves = await door.ask("leaves")
        await door.ask("stays")
        leaves.cancel()
        await turn()
        assert door.numbers == (1, 1, 1)
        door.admission.leave()
        await turn()
        assert door.came == ["stays"]
        door.clock.advance(60)
        await turn()
        assert door.came == ["stays"]

    at(door, work)


@pytest.mark.parametrize("first", ["let in", "gone"])
def test_a_client_that_goes_away_in_the_turn_in_which_it_is_let_in_leaks_nothing(
    first: str,
) -> None:
    door = Door()

    async def work() -> None:
        door.fill()
        leaves = await door.ask("leaves")
        await door.ask("stays")
        if first == "gone":
            leaves.cancel()
        door.admission.leave()
        leaves.cancel()
        await turn()
        assert leaves.cancelled()
        assert door.came == ["stays"]
        assert door.numbers == (1, 1, 0)

    at(door, work)


def test_a_time_out_in_the_turn_in_which_it_is_let_in_changes_nothing() -> None:
    door = Door(queue={"time": "1s"})

    async def work() -> None:
        door.fill()
        await door.ask("a")
        door.admission.leave()
        door.clock.advance(1)
        await turn()
        assert door.came == ["a"]
        assert door.numbers == (1, 1, 0)

    at(door, work)


# --- adaptive ----------


def answers(door: Door, ttfb_s: float, count: int) -> None:
    """Let `count` requests go through a door that is always full."""
    for _ in range(count):
        door.fill()
        door.clock.advance(0.01)
        answered(door.admission, ttfb_s)


def test_an_adaptive_limit_moves_and_the_metrics_show_it() -> None:
    door = Door(limit="adaptive", min=2, max=100)
    assert door.number("concurrency_limit") == 20
    answers(door, 0.01, 60)
    grown = door.admission.limit
    assert grown > 20
    answers(door, 0.5, 400)
    assert door.admission.limit < grown
    assert door.number("concurrency_limit") == door.admission.limit


def test_a_limit_that_falls_below_what_is_in_use_lets_nobody_in_until_it_is_met() -> None:
    door = Door(limit="adaptive", min=2)

    async def work() -> None:
        answers(door, 0.01, 60)
        answers(door, 0.5, 400)
        door.fill()
        admission, before = door.admission, door.admission.limit
        gradient = admission._gradient
        assert gradient is not None
        gradient.limit = 3  # as after the next window
        await door.ask("a")
        for _ in range(before - 3):
            answered(admission, 0.5)
            await turn()
            assert door.came == []
        admission.leave()
        await turn()
        assert door.came == ["a"]
        assert admission.in_use == admission.limit

    at(door, work)


def test_a_limit_that_grows_lets_all_in_that_have_room() -> None:
    door = Door(limit="adaptive")

    async def work() -> None:
        door.fill()
        for name in "abc":
            await door.ask(name)
        gradient = door.admission._gradient
        assert gradient is not None
        gradient.limit = 22
        door.admission.observe(0.01, door.clock.monotonic())
        await turn()
        assert door.came == ["a", "b"]

    at(door, work)


def test_failures_say_nothing_of_the_limit() -> None:
    door = Door(limit="adaptive")
    for _ in range(500):
        door.fill()
        door.clock.advance(0.01)
        door.admission.leave()
    assert door.admission.limit == 20


# --- reload ----------


def test_after_a_reload_everyone_finishes_at_the_old_door() -> None:
    door = Door(limit=1)

    async def work() -> None:
        door.fill()
        await door.ask("old")
        fresh = door.another(limit=5)
        door.admission.close()
        assert fresh.enter()
        assert door.numbers == (5, 2, 1)
        answered(door.admission, 0.1)
        await turn()
        assert door.came == ["old"]
        answered(door.admission, 0.1)
        answered(fresh, 0.1)
        assert door.numbers == (5, 0, 0)

    at(door, work)


def test_a_reload_keeps_the_limit_that_was_found_out() -> None:
    door = Door(limit="adaptive", min=2)
    answers(door, 0.01, 60)
    fresh = door.another(limit="adaptive", min=2, max=1000)
    fresh.resume(door.admission)
    door.admission.close()
    assert fresh.limit == door.admission.limit > 20
    assert door.number("concurrency_limit") == fresh.limit
    fixed = door.another(limit=7)
    fixed.resume(fresh)
    assert fixed.limit == 7


def test_a_service_that_is_gone_shows_no_limit() -> None:
    door = Door(limit=5)
    door.admission.close()
    assert door.numbers == (0, 0, 0)


# --- whatever happens ----------


class Crowd:
    """Requests that come, go, and go away at a door of so many permits."""

    def __init__(self, limit: int, size: int) -> None:
        self.limit = limit
        self.door = Door(limit=limit, queue={"size": size, "time": "1s"})
        self.tasks: list[asyncio.Task[None]] = []
        self.gates: list[asyncio.Event] = []
        self.inside: list[int] = []

    async def visit(self, number: int, priority: int) -> None:
        if not self.door.admission.enter():
            await self.door.admission.wait(priority, inf)
        self.inside.append(number)
        assert len(self.inside) <= self.limit
        try:
            await self.gates[number].wait()
        finally:
            self.inside.remove(number)
            answered(self.door.admission, 0.01)

    async def step(self, what: str, value: int) -> None:
        if what == "ask":
            self.gates.append(asyncio.Event())
            self.tasks.append(asyncio.create_task(self.visit(len(self.tasks), value)))
        elif what == "leave" and self.inside:
            self.gates[self.inside[value % len(self.inside)]].set()
        elif what == "cancel" and self.tasks:
            self.tasks[-1 - value % len(self.tasks)].cancel()
        elif what == "late":
            self.door.clock.advance(0.5)
        elif what == "turn":
            await turn()

    async def end(self) -> None:
        """Let everyone out."""
        for gate in self.gates:
            gate.set()
        done = await asyncio.gather(*self.tasks, return_exceptions=True)
        kinds = {type(each) for each in done}
        assert kinds <= {type(None), Refused, asyncio.CancelledError}, done


STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "leave", "cancel", "late", "turn"]), st.integers(0, 3)),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.integers(0, 3), STEPS)
def test_permits_are_never_lost_nor_made(
    limit: int, size: int, steps: list[tuple[str, int]]
) -> None:
    crowd = Crowd(limit, size)

    async def whole() -> None:
        for what, value in steps:
            await crowd.step(what, value)
            assert crowd.door.admission.in_use <= limit
        await crowd.end()
        assert crowd.door.numbers == (limit, 0, 0)
        assert crowd.door.admission.in_use == 0

    asyncio.run(whole())
