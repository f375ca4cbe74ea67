"""Two PostgreSQL servers that replicate to each other, as docs/howto/two-stores.md sets them up."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import pytest

from sluicegate.clock import Clock
from sluicegate.metrics import Metrics
from sluicegate.settings import Region, Settings
from sluicegate.store.contract import Arrivals, Author, Change, Revision, Store
from sluicegate.store.open import open_store
from sluicegate.store.watch import Watch
from support.loops import run
from support.ports import eventually
from support.postgres import USERNAME, Postgres, store_settings

HOW_TO = Path(__file__).parents[2] / "docs" / "howto" / "two-stores.md"
AUTHOR = Author("ada", "127.0.0.1", "apply")
REGIONS = ("west", "east")
KEY = b'{"consumer":"ada"}'
FOREVER_S = 3600.0
"""A poll that never comes: what is seen was pushed."""


def commands_of_the_how_to() -> list[str]:
    """Return the SQL of the page, in its order."""
    return re.findall(r"```text\n(.*?)```", HOW_TO.read_text(), re.DOTALL)


class Two:
    """Servers by the name of their region, and one database on each."""

    def __init__(self, servers: dict[str, Postgres]) -> None:
        self.servers = servers
        self.urls = {region: server.database() for region, server in servers.items()}
        self.databases = {region: url.rpartition("/")[2] for region, url in self.urls.items()}

    def execute(self, region: str, sql: str) -> list[list[str]]:
        return self.servers[region].execute(sql, self.databases[region])

    def join(self) -> None:
        """Do what the page says, `west` being the first of the two."""
        publish, first_copy, back = commands_of_the_how_to()
        for region in REGIONS:
            self.execute(region, publish)
        self.execute("east", self._with_address(first_copy, "west", "from_west"))
        self.execute("west", self._with_address(back, "east", "from_east"))
        query = "SELECT 1 FROM pg_subscription_rel WHERE srsubstate <> 'r'"
        for region in REGIONS:
            eventually(lambda region=region: not self.execute(region, query), f"{region} joined")
            self.execute(region, "CHECKPOINT")

    def _with_address(self, sql: str, region: str, name: str) -> str:
        """Put in where the other server is; a slot's name is of the whole server."""
        where = f"host=127.0.0.1 port={self.servers[region].port} user={USERNAME}"
        made = re.sub(
            r"CONNECTION '[^']*'", f"CONNECTION '{where} dbname={self.databases[region]}'", sql
        )
        slot = f"slot_name = {name}_{self.databases[region]}"
        assert made != sql
        return made.replace("WITH (", f"WITH ({slot}, ")

    def arrived(self, number: int) -> None:
        """Wait until so many revisions have arrived in each region."""
        query, wanted = "SELECT count(*) FROM arrivals", [[str(number)]]

        def have_all() -> bool:
            return all(self.execute(region, query) == wanted for region in REGIONS)

        eventually(have_all, f"{number} arrivals in each region")

    def cut(self) -> None:
        for region, other in zip(REGIONS, reversed(REGIONS), strict=True):
            self.execute(region, f"ALTER SUBSCRIPTION from_{other} DISABLE")

    def mend(self) -> None:
        for region, other in zip(REGIONS, reversed(REGIONS), strict=True):
            self.execute(region, f"ALTER SUBSCRIPTION from_{other} ENABLE")

    def part(self) -> None:
        """Undo `join`, so that the databases can be dropped."""
        for region, other in zip(REGIONS, reversed(REGIONS), strict=True):
            self.execute(region, f"DROP SUBSCRIPTION IF EXISTS from_{other}")
        for region in REGIONS:
            self.servers[region].drop(self.databases[region])


class Replica:
    """What a replica of a region knows: the newest of each name that has arrived there."""

    def __init__(self, two: Two, region: str) -> None:
        settings = store_settings(two.urls[region])
        settings = Settings(store=settings.store, region=Region(name=region))
        self.store: Store = open_store(settings, Clock(), Metrics())
        self.watch = Watch(self.store, Clock(), Metrics(), FOREVER_S, self._on_arrivals)
        self.newest: dict[str, Revision] = {}

    async def _on_arrivals(self, arrivals: Arrivals) -> None:
        for revision in arrivals.revisions:
            known = self.newest.get(revision.name)
            if known is None or (known.stamp, known.id) < (revision.stamp, revision.id):
                self.newest[revision.name] = revision

    async def __aenter__(self) -> Self:
        await self.store.start()
        self.watch.start(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.watch.close()
        await self.store.close()

    async def write(self, name: str, content: bytes | None, kind: str = "plan") -> Revision:
        (revision,) = await self.store.write([Change(kind, name, content)], AUTHOR)
        return revision

    @property
    def ids(self) -> dict[str, str]:
        return {name: revision.id for name, revision in self.newest.items()}


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - a server decides when
        await asyncio.sleep(0.01)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Postgres]]:
    folder = tmp_path_factory.mktemp("two")
    with Postgres(folder / "west") as west, Postgres(folder / "east") as east:
        yield {"west": west, "east": east}


@pytest.fixture
def two(servers: dict[str, Postgres]) -> Iterator[Two]:
    two = Two(servers)
    yield two
    two.part()


def both(two: Two, scenario: Callable[[Replica, Replica], object]) -> None:
    """Run a scenario with a replica in each region."""

    async def whole() -> None:
        async with AsyncExitStack() as stack:
            west, east = [await stack.enter_async_context(Replica(two, each)) for each in REGIONS]
            await scenario(west, east)

    run(whole(), within_s=40)


def test_a_change_in_either_region_is_pushed_to_both(two: Two) -> None:
    two.join()

    async def scenario(west: Replica, east: Replica) -> None:
        ours, theirs = await west.write("ours", b"{}"), await east.write("theirs", b"{}")
        wanted = {"ours": ours.id, "theirs": theirs.id}
        await until(lambda: west.ids == east.ids == wanted)
        assert [revision.region for revision in west.newest.values()] == ["west", "east"]

    both(two, scenario)


def test_what_the_first_server_has_is_copied_to_the_one_that_joins(two: Two) -> None:
    async def before(west: Replica, _: Replica) -> None:
        for number in range(20):
            await west.write(f"plan-{number % 7}", b"{}")

    async def after(west: Replica, east: Replica) -> None:
        await until(lambda: len(west.ids) == 7 and west.ids == east.ids)

    both(two, before)
    two.join()
    both(two, after)
    assert two.execute("east", "SELECT count(*) FROM arrivals") == [["20"]]


def test_regions_that_write_the_same_names_at_once_agree(two: Two) -> None:
    two.join()
    names = [f"plan-{number}" for number in range(8)]

    async def many(replica: Replica) -> None:
        for turn in range(5):
            region = replica.store.region
            await asyncio.gather(
                *(replica.write(name, b'{"%s":%d}' % (region.encode(), turn)) for name in names)
            )

    async def scenario(west: Replica, east: Replica) -> None:
        await asyncio.gather(many(west), many(east))
        two.arrived(2 * 5 * len(names))
        await asyncio.gather(west.watch.caught_up(), east.watch.caught_up())
        assert west.ids == east.ids
        for name in names:
            heads = [await each.store.head("plan", name) for each in (west, east)]
            assert [head and head.id for head in heads] == [west.ids[name]] * 2
            histories = [await each.store.history("plan", name) for each in (west, east)]
            found = [[revision.id for revision in history] for history in histories]
            assert sorted(found[0]) == sorted(found[1])
            assert len(found[0]) == 10

    both(two, scenario)


def test_regions_that_were_cut_off_agree_once_they_see_each_other(two: Two) -> None:
    two.join()
    two.cut()

    async def scenario(west: Replica, east: Replica) -> None:
        first = await west.write("plan", b'{"from":"west"}')
        second = await east.write("plan", b'{"from":"east"}')
        gone = await east.write("other", None)
        await until(lambda: west.ids == {"plan": first.id})
        await until(lambda: east.ids == {"plan": second.id, "other": gone.id})
        two.mend()
        newest = max(first, second, key=lambda revision: (revision.stamp, revision.id))
        two.arrived(3)
        await asyncio.gather(west.watch.caught_up(), east.watch.caught_up())
        assert west.ids == east.ids == {"plan": newest.id, "other": gone.id}

    both(two, scenario)


def test_a_revoked_key_is_revoked_in_both_whatever_was_written_elsewhere(two: Two) -> None:
    two.join()
    name = "sg_west_abcdefgh"

    async def scenario(west: Replica, east: Replica) -> None:
        made = await west.write(name, KEY, "key")
        await until(lambda: east.ids == {name: made.id})
        two.cut()
        await west.write(name, None, "key")
        patched = await east.write(name, b'{"consumer":"ada","scopes":["all"]}', "key")
        assert await east.store.key(name)
        two.mend()
        two.arrived(3)
        assert patched.content
        for each in (west, east):
            assert await each.store.key(name) is None
            head = await each.store.head("key", name)
            assert head is not None
            assert head.content is None

    both(two, scenario)


def test_a_server_that_was_down_gets_what_it_missed(two: Two, servers: dict[str, Postgres]) -> None:
    two.join()

    async def scenario(west: Replica, east: Replica) -> None:
        first = await west.write("plan", b"{}")
        await until(lambda: east.ids == {"plan": first.id})
        servers["east"].kill()
        second = await west.write("plan", b'{"policies":[]}')
        servers["east"].start()
        two.arrived(2)
        await until(lambda: east.ids == {"plan": second.id})

    both(two, scenario)
