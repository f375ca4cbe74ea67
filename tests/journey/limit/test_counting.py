"""What limits count in, put together from settings."""

from __future__ import annotations

import asyncio

from sluicegate.clock import Clock
from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.counting import Counting
from sluicegate.metrics import Metrics
from sluicegate.settings import Settings
from sluicegate.state.contract import Ask, Crew, Group, Limit
from sluicegate.state.memory import MemoryState
from support.counting import AGE_US
from support.state_scenes import patient
from support.valkey import Valkey

GROUP = Group("place", [Limit("fixed", FixedWindow(2, AGE_US))])


def counting(url: str = "memory://", **settings: int) -> Counting:
    state = patient(url, namespace="counting", **settings)
    return Counting(Settings(state=state), Clock(), Metrics(), Crew(2, 1), list)


def test_memory_is_always_up_and_needs_no_one_else() -> None:
    async def work() -> None:
        made = counting()
        assert isinstance(made.state, MemoryState)
        await made.start()
        assert made.up
        verdict = await made.state.take([Ask(GROUP, "ada")])
        assert verdict.admitted
        made.close()

    asyncio.run(work())


def test_a_server_counts_for_all_who_name_it_and_knows_how_many_they_are(valkey: Valkey) -> None:
    async def work() -> None:
        first, second = counting(valkey.url), counting(valkey.url)
        assert not first.up, "nothing is connected before it is started"
        for made in (first, second):
            await made.start()
            assert made.up
        taken = [
            (await made.state.take([Ask(GROUP, "ada")])).admitted for made in (first, second, first)
        ]
        assert taken == [True, True, False]
        assert second.away.view.crew.workers == 2
        first.close()
        second.close()
        await asyncio.sleep(0)

    asyncio.run(work())


def test_before_a_crew_was_seen_it_is_what_was_expected_or_this_replica() -> None:
    async def work() -> None:
        nowhere = "unix:///nonexistent/valkey.sock"
        assert counting(nowhere).away.view.crew.workers == 2
        made = counting(nowhere, expected_workers=12)
        await made.start()
        assert not made.up
        assert made.away.view.crew.workers == 12
        made.close()

    asyncio.run(work())


def test_no_two_tickets_are_the_same() -> None:
    async def work() -> None:
        first, second = counting(), counting()
        tickets = [made.ticket() for made in (first, second) for _ in range(1000)]
        assert len(set(tickets)) == 2000
        first.close()
        second.close()

    asyncio.run(work())
