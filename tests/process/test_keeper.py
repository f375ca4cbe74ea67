"""The keeper on a real store, with the parts that a replica gives it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from sluicegate.clock import Clock
from sluicegate.errors import StoreAway
from sluicegate.journey.limit.budget_terms import BudgetTerms
from sluicegate.metrics import Metrics
from sluicegate.model.consumer import Consumer
from sluicegate.model.service import Service, Target
from sluicegate.process.fitting import together
from sluicegate.process.keeper import Keeper
from sluicegate.process.keeping import open_keeper
from sluicegate.process.messages import Forget
from sluicegate.settings import Settings
from sluicegate.settings.store import Store
from sluicegate.snapshot.document import Resources, encode
from sluicegate.store.contract import Author, Change, Stale
from sluicegate.store.uuid7 import Uuid7
from sluicegate.store.writing import add

ME = Author("me", "127.0.0.1", "create")
SERVICE = b'{"targets":["http://192.0.2.1:80"]}'
FILE = Resources.of(
    {("service", "s"): encode(Service(targets=[Target(url="http://192.0.2.9:80")]))}
)


def route(path: str, service: str = "s") -> bytes:
    return json.dumps({"match": {"path": path}, "service": service}).encode()


class Replica:
    """Takes what is delivered, and runs it at once."""

    def __init__(self, file: Resources) -> None:
        self.file = file
        self.keeper: Keeper | None = None
        self.delivered: list[Resources] = []
        self.forgot: list[Forget] = []

    def deliver(self, stored: Resources) -> None:
        self.delivered.append(stored)
        if self.keeper is not None:
            self.keeper.running(together(self.file, stored).revision)

    def forget(self, forget: Forget) -> None:
        self.forgot.append(forget)

    @property
    def names(self) -> set[str]:
        """Return what runs beside the file, but for the pepper that was made."""
        return {name for kind, name in self.delivered[-1].items if kind != "pepper"}


def settings(folder: Path) -> Settings:
    return Settings(store=Store(url="sqlite:///store.db"), data_dir=str(folder))


@asynccontextmanager
async def keeping(
    folder: Path, file: Resources = FILE, after: int = 0
) -> AsyncIterator[tuple[Keeper, Replica]]:
    replica = Replica(file)
    keeper = await open_keeper(settings(folder), Clock(), Metrics(), file, replica)
    replica.keeper = keeper
    try:
        await keeper.start(file, after)
        yield keeper, replica
    finally:
        await keeper.close()


async def write(keeper: Keeper, *changes: Change) -> None:
    await keeper.store.write(changes, ME)
    await keeper.written()


def test_what_is_written_runs_and_runs_again_after_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, replica):
            assert replica.names == set()
            await write(keeper, Change("route", "a", route("/a")))
            assert replica.names == {"a"}
            await write(keeper, Change("route", "b", route("/b")), Change("route", "a", None))
            assert replica.names == {"b"}
        async with keeping(tmp_path) as (_, replica):
            assert replica.names == {"b"}

    asyncio.run(scenario())


def test_what_the_file_declares_wins(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, replica):
            await write(keeper, Change("service", "s", SERVICE), Change("route", "a", route("/a")))
            assert replica.names == {"a"}
            replica.file = Resources.of({})
            await keeper.take_file(replica.file)
            assert replica.names == {"a", "s"}

    asyncio.run(scenario())


def test_what_does_not_fit_any_more_is_left_out_until_it_does(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, replica):
            await write(keeper, Change("route", "a", route("/a")))
            assert keeper.left_out("route", "a") is None
            await keeper.take_file(Resources.of({}))
            assert replica.names == set()
            assert (keeper.left_out("route", "a") or "").startswith("routes.a.service: ")
            await keeper.take_file(FILE)
            assert replica.names == {"a"}

    asyncio.run(scenario())


def test_changes_are_looked_at_beside_everything_else_and_not_made(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, replica):
            good = await keeper.consider([Change("route", "a", route("/a"))])
            assert good.faults == []
            [fault] = (await keeper.consider([Change("route", "a", route("/a", "gone"))])).faults
            assert fault.path == "routes.a.service"
            [fault] = (await keeper.consider([Change("consumer", "c", b'{"plan":"gone"}')])).faults
            assert fault.path == "consumers.c.plan"
            assert replica.names == set()
            await keeper.store.write(
                [Change("route", "a", route("/a"))], ME, looked_at=good.looked_at
            )

    asyncio.run(scenario())


def test_a_secret_is_put_where_a_stored_resource_names_it_and_shown_nowhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, replica):
            sealed = json.dumps(await keeper.vault.encrypt("token", "the-hidden-text")).encode()
            header = {"set": {"authorization": "Bearer ${secret:token}"}}
            spec = json.loads(route("/a")) | {"policies": [{"headers": {"request": header}}]}
            content = json.dumps(spec).encode()
            [fault] = (await keeper.consider([Change("route", "a", content)])).faults
            assert "token" in fault.message
            changes = [Change("secret", "token", sealed), Change("route", "a", content)]
            assert (await keeper.consider(changes)).faults == []
            await write(keeper, *changes)
            assert b"Bearer the-hidden-text" in replica.delivered[-1].items["route", "a"]
            row = await keeper.store.head("route", "a")
            assert row is not None
            assert row.content == content

    asyncio.run(scenario())
    shown = capfd.readouterr()
    assert "the-hidden-text" not in shown.out + shown.err


def test_who_looks_up_a_key_finds_it_until_it_is_revoked_and_everyone_forgets_it(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, replica):
            key = json.dumps({"consumer": "alice", "hash": "local:" + "0" * 64}).encode()
            await write(
                keeper,
                Change("consumer", "alice", b"{}"),
                Change("key", "sg_a_00000000", key, owner="alice"),
            )
            found = await keeper.find("sg_a_00000000")
            assert found is not None
            assert found.consumer_name == "alice"
            assert await keeper.find("sg_a_11111111") is None
            await write(keeper, Change("key", "sg_a_00000000", None))
            assert await keeper.find("sg_a_00000000") is None
            last = replica.forgot[-1]
            assert last.keys == ["sg_a_00000000"]
            assert last.arrival == keeper.arrival == 3

    asyncio.run(scenario())


def test_who_follows_again_is_told_what_the_one_before_has_missed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, _):
            await write(keeper, Change("consumer", "alice", b"{}"))
            before = keeper.arrival
            await write(keeper, Change("consumer", "bob", b"{}"))
        async with keeping(tmp_path, after=before) as (keeper, replica):
            await keeper.catch_up()
            assert [forget.consumers for forget in replica.forgot] == [["bob"]]

    asyncio.run(scenario())


def test_another_database_is_read_anew_and_everything_is_forgotten(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path, after=1000) as (keeper, replica):
            await keeper.catch_up()
            assert replica.forgot[0].everything
            await write(keeper, Change("route", "a", route("/a")))
            assert replica.names == {"a"}

    asyncio.run(scenario())


def test_a_change_that_lost_a_race_is_not_made(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, replica):
            await write(keeper, Change("route", "a", route("/a")))
            with pytest.raises(Stale):
                await keeper.store.write([Change("route", "a", None, expected="another")], ME)
            await keeper.written()
            assert replica.names == {"a"}

    asyncio.run(scenario())


def test_the_file_is_shown_as_it_is_written(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, _):
            await keeper.declare(b"services: {s: {targets: ['${env:UPSTREAM}']}}\n")
            assert keeper.declared("service") == {"s": {"targets": ["${env:UPSTREAM}"]}}
            assert keeper.declared("route") == {}
            assert list(keeper.peppers) == ["local"]

    asyncio.run(scenario())


def test_keys_that_were_used_are_noted_in_the_store_at_the_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, _):
            keeper.used({"sg_a_00000000": 5})
        async with keeping(tmp_path) as (keeper, _):
            assert await keeper.store.last_used(["sg_a_00000000"]) == {"sg_a_00000000": 5}

    asyncio.run(scenario())


def test_nothing_can_be_considered_before_the_store_was_read(tmp_path: Path) -> None:
    async def scenario() -> None:
        keeper = await open_keeper(settings(tmp_path), Clock(), Metrics(), FILE, Replica(FILE))
        try:
            with pytest.raises(StoreAway):
                await keeper.consider([])
        finally:
            await keeper.close()

    asyncio.run(scenario())


def test_a_replica_says_what_it_runs(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, _):
            await keeper._chores.report()
            [row] = await keeper.store.replicas(0)
            assert (row.region, row.unfit, row.arrival) == ("local", 0, 0)
            assert row.revision == keeper._fitted().whole.revision

    asyncio.run(scenario())


async def give_a_key(keeper: Keeper) -> None:
    key = json.dumps({"consumer": "alice", "hash": "local:" + "0" * 64}).encode()
    await write(
        keeper,
        Change("plan", "gold", b'{"policies":[]}'),
        Change("plan", "free", b'{"policies":[]}'),
        Change("team", "red", b'{"plan":"gold"}'),
        Change("consumer", "alice", b'{"team":"red"}', owner="red"),
        Change("key", "sg_a_00000000", key, owner="alice"),
    )


def test_who_looks_a_key_up_before_its_team_runs_anew_is_told_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, replica):
            await give_a_key(keeper)
            fit, looked_up = keeper._fitting.fit, asyncio.Event()

            async def slow(*asked: Any) -> Any:
                found = await keeper.find("sg_a_00000000")
                assert found is not None
                assert found.team is not None
                assert found.team.plan == "gold"  # as it still runs
                told.append(len(replica.forgot))
                looked_up.set()
                return await fit(*asked)

            told: list[int] = []
            keeper._fitting.fit = slow  # type: ignore[method-assign]
            await write(keeper, Change("team", "red", b'{"plan":"free"}'))
            assert looked_up.is_set()
            await keeper.catch_up()
            assert ["red"] in [forget.teams for forget in replica.forgot[told[0] :]]

    asyncio.run(scenario())


def test_keys_of_consumers_that_the_file_changes_are_forgotten(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, replica):
            await give_a_key(keeper)
            mine = encode(Consumer(plan="free"))
            await keeper.take_file(Resources.of({**FILE.items, ("consumer", "alice"): mine}))
            assert replica.forgot[-1].consumers == ["alice"]
            await keeper.take_file(FILE)
            assert [forget.consumers for forget in replica.forgot[-2:]] == [["alice"], ["alice"]]

    asyncio.run(scenario())


def test_what_failed_once_is_run_when_the_same_page_comes_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, replica):
            fit, failures = keeper._fitting.fit, [MemoryError()]

            async def fails_once(*asked: Any) -> Any:
                if failures:
                    raise failures.pop()
                return await fit(*asked)

            keeper._fitting.fit = fails_once  # type: ignore[method-assign]
            await write(keeper, Change("route", "a", route("/a")))
            await keeper.catch_up()
            assert replica.names == {"a"}

    asyncio.run(scenario())


def test_a_secret_whose_data_key_could_not_be_read_is_tried_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, replica):
            sealed = json.dumps(await keeper.vault.encrypt("host", "example")).encode()
            keeper.vault._held.clear()  # another replica has made it
            data_keys, failures = keeper.store.data_keys, [StoreAway("lost")]

            async def fails_once() -> Any:
                if failures:
                    raise failures.pop()
                return await data_keys()

            keeper.store.data_keys = fails_once  # type: ignore[method-assign]
            target = b'{"targets":["http://${secret:host}.test:80"]}'
            await write(keeper, Change("secret", "host", sealed), Change("service", "u", target))
            await keeper.catch_up()
            assert replica.names == {"u"}

    asyncio.run(scenario())


def test_a_late_write_of_another_region_does_not_undo_a_deletion_of_before_our_start(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, _):
            [first] = await keeper.store.write([Change("route", "a", route("/a"))], ME)
            await write(keeper, Change("route", "a", None))
        async with keeping(tmp_path) as (keeper, replica):
            late = replace(first, id=Uuid7().make(1), stamp=first.stamp - 1, region="other")
            there = replace(late, id=Uuid7().make(2), name="b")
            async with cast("Any", keeper.store)._transactions.write() as connection:
                await add(connection, [late, there])
            await keeper.catch_up()
            assert replica.names == {"b"}

    asyncio.run(scenario())


def test_what_was_kept_gives_way_to_the_store_even_where_it_is_older_than_was_followed(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, _):
            await write(keeper, Change("route", "a", route("/a")))
        kept = (tmp_path / "store.snapshot").read_bytes()
        async with keeping(tmp_path) as (keeper, _):
            await write(keeper, Change("route", "b", route("/b")))
            followed = keeper.arrival
        (tmp_path / "store.snapshot").write_bytes(kept)
        replica = Replica(FILE)
        keeper = await open_keeper(settings(tmp_path), Clock(), Metrics(), FILE, replica)
        replica.keeper, start = keeper, keeper.store.start

        async def away() -> None:
            keeper.store.start = start  # type: ignore[method-assign]
            raise StoreAway("starting")

        keeper.store.start = away  # type: ignore[method-assign]
        try:
            await keeper.start(FILE, followed)
            await keeper.catch_up()
            assert replica.names == {"a", "b"}
        finally:
            await keeper.close()

    asyncio.run(scenario())


def test_budgets_that_come_and_go_are_told_before_they_run(tmp_path: Path) -> None:
    told: list[tuple[list[str], int]] = []

    async def scenario() -> None:
        async with keeping(tmp_path) as (keeper, replica):

            async def take(budgets: Mapping[str, BudgetTerms]) -> None:
                told.append((list(budgets), len(replica.delivered)))

            keeper.on_budgets = take
            before = len(replica.delivered)
            limited = b'{"policies":[{"budget":{"allow":["1/day"]}}]}'
            await write(keeper, Change("plan", "pro", limited))
            await write(keeper, Change("plan", "pro", None))
            assert told == [(["budget;;consumer;plan:pro"], before), ([], before + 1)]

    asyncio.run(scenario())
