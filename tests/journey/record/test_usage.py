"""Requests that are no calls of models, by the minute."""

from __future__ import annotations

import asyncio

import pytest

from sluicegate.journey.record import usage as module
from sluicegate.journey.record.usage import Config, Policy
from sluicegate.model.consumer import Consumer
from sluicegate.model.ledger import Entry
from support.budgets import BudgetWorld, turns
from support.exchanges import body, exchange, target


async def asked(world: BudgetWorld, policy: Policy, consumer: str | None, status: int) -> None:
    made = exchange("POST", clock=world.clock, request_body=body(b"four"))
    made.consumer_name, made.plan = consumer, "free"
    made.consumer = Consumer(team="blue") if consumer else None
    await policy.handle(made, target(status, {}, b"answer"))


async def told(world: BudgetWorld, after_s: float = module.TOLD_S) -> list[Entry]:
    world.clock.advance(after_s)
    await turns()
    world.clock.advance(1)
    await turns()
    return world.lines


def test_requests_of_a_minute_are_one_line_by_who_asked_what_and_what_came_of_it() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = Policy(Config(), world.parts)
        at_us = world.clock.wall_us() // module.MINUTE_US * module.MINUTE_US
        for _ in range(3):
            await asked(world, policy, "ann", 200)
        await asked(world, policy, "ann", 404)
        await asked(world, policy, None, 200)
        lines = await told(world)
        assert [(each.consumer, each.team, each.status, each.requests) for each in lines] == [
            ("ann", "blue", 200, 3),
            ("ann", "blue", 404, 1),
            (None, None, 200, 1),
        ]
        first = lines[0]
        assert (first.at_us, first.route, first.plan) == (at_us, "things", "free")
        assert (first.bytes_in, first.bytes_out, first.cost) == (12, 18, 0)
        assert len({each.id for each in lines}) == 3

    asyncio.run(work())


def test_calls_of_models_have_lines_of_their_own() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = Policy(Config(), world.parts)
        await policy.handle(world.asked(), target())
        assert await told(world) == []

    asyncio.run(work())


def test_who_leaves_is_counted_too() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = Policy(Config(), world.parts)

        async def never(_: object) -> None:
            await asyncio.Future()

        task = asyncio.create_task(policy.handle(exchange(clock=world.clock), never))
        await turns()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert [(line.status, line.requests) for line in await told(world)] == [(499, 1)]

    asyncio.run(work())


def test_at_the_end_what_was_added_up_is_written() -> None:
    async def work() -> None:
        world = BudgetWorld()
        policy = Policy(Config(), world.parts)
        await asked(world, policy, "ann", 200)
        await world.books.close()
        assert len(world.lines) == 1
        assert policy is not None  # it lives until here, as a snapshot's does

    asyncio.run(work())


def test_there_is_a_bound_on_what_is_added_up_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TOTALS", 2)

    async def work() -> None:
        world = BudgetWorld()
        policy = Policy(Config(), world.parts)
        for number in range(5):
            await asked(world, policy, f"c{number}", 200)
        assert sum(line.requests for line in await told(world)) == 5

    asyncio.run(work())
