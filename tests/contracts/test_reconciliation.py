"""What budgets have counted is what the ledger says, at every instant: proved while calls go on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from sluicegate.admin.reconciling import Reconciled, Reconciliation
from sluicegate.metrics import Metrics
from sluicegate.process.ledger_moving import Mover
from sluicegate.settings import Settings
from sluicegate.state.contract import Ask
from sluicegate.store.ledger import LedgerStore
from sluicegate.store.migrate import migrate
from support.state_ledgers import GROUP, Pair, Play, player, written
from support.stores import opened
from support.valkey import Valkey

SUBJECTS = ("=ada", "=bob", "=eve")
Scene = Callable[["World"], Awaitable[None]]


@pytest.fixture(params=["memory", "single"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Scene], None]:
    """Return what plays a scene with a kind of state, beside a store in SQLite."""

    def servers(_: str) -> Valkey:
        found: Valkey = request.getfixturevalue("valkey")
        return found

    of_states: Play = player(request.param, servers)

    def run(scene: Scene) -> None:
        async def body(pair: Pair) -> None:
            settings = Settings(data_dir=str(tmp_path))
            await migrate(settings)
            async with opened(settings, pair.clock) as store:
                world = World(pair, store.ledger)
                for subject in SUBJECTS:
                    assert await pair.seed(subject=subject)
                world.mover.start()
                try:
                    await scene(world)
                finally:
                    await world.mover.close()

        of_states(body)

    return run


class World:
    """Workers that spend, a mover, and who compares."""

    def __init__(self, pair: Pair, store: LedgerStore) -> None:
        self.pair = pair
        self.store = store
        self.mover = Mover(pair.ledger, store, pair.clock, Metrics(), lambda _: True, name="tests")
        self.reconciliation = Reconciliation(pair.ledger, store, pair.clock)
        self._numbers = count()

    async def spend(self, subject: str) -> None:
        """Make a call: 2 are reserved, and 1 is spent."""
        ticket = f"call-{next(self._numbers)}"
        entry = written(
            ticket, at_us=self.pair.clock.wall_us(), consumer=subject.removeprefix("="), cost=1
        )
        ask = Ask(GROUP, subject, 2)
        await self.pair.state.take([ask], ticket, entry, 60_000)
        await asyncio.sleep(0)
        await self.pair.state.settle([ask], ticket, [1], entry, 1)

    @contextmanager
    def load(self) -> Iterator[None]:
        """Have calls come all the time."""

        async def calls(subject: str) -> None:
            while True:
                await self.spend(subject)
                await asyncio.sleep(0.005)

        tasks = [asyncio.create_task(calls(subject)) for subject in SUBJECTS]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    async def compare(self) -> dict[str, Reconciled]:
        return {each.subject: each for each in await self.reconciliation.compare()}


def test_under_load_no_budget_is_different(play: Callable[[Scene], None]) -> None:
    async def scene(world: World) -> None:
        with world.load():
            for _ in range(3):
                found = await world.compare()
                assert {each.verdict for each in found.values()} <= {"equal", "busy"}, found
        await world.mover.move()
        found = await world.compare()
        assert [each.verdict for each in found.values()] == ["equal"] * 3
        assert all(each.spent > 0 for each in found.values())

    play(scene)


def test_a_difference_is_found_and_put_right_under_load(play: Callable[[Scene], None]) -> None:
    async def scene(world: World) -> None:
        for _ in range(5):
            await world.spend("=ada")
        await world.mover.move()
        world.pair.lose(f"{GROUP.place}\x1f=ada")
        starts = world.pair.starts(GROUP)
        version = await world.pair.ledger.version()
        assert await world.pair.ledger.seed(GROUP, "=ada", [3], starts, version)
        found = await world.compare()
        assert (found["=ada"].verdict, found["=ada"].difference) == ("different", -2)
        with world.load():
            repaired = await world.reconciliation.repair([found["=ada"]])
        assert repaired == [found["=ada"]]
        found = await world.compare()
        assert {each.verdict for each in found.values()} == {"equal"}

    play(scene)
