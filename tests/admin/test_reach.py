from __future__ import annotations

from pathlib import Path

import pytest

from sluicegate.admin.identity import Who
from sluicegate.admin.reach import ROWS, Reach, team_in
from sluicegate.errors import Refused
from support.admin import api
from support.loops import run
from support.stores import change, write

FILE = "consumers: {filed: {team: red}, hidden: {team: blue}}\nteams: {red: {}, blue: {}}\n"
ADMIN = Who("ann", "admin", None, "127.0.0.1")
RED = Who("rob", "operator", "red", "127.0.0.1")


def test_a_key_is_its_consumers_teams_and_the_files_consumer_counts(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            store = ask.desk.store
            await write(
                store,
                change("consumer", "mine", {"team": "red"}),
                change("consumer", "hidden", {"team": "red"}),
                change("consumer", "theirs", {"team": "blue"}),
            )
            reach = Reach(ask.desk, RED)
            for consumer, seen in (
                ("mine", True), ("filed", True), ("hidden", False), ("theirs", False),
                ("none", False), (None, False),
            ):  # fmt: skip
                assert await reach.sees("key", consumer) is seen, consumer
                assert await Reach(ask.desk, ADMIN).sees("key", consumer)
            assert await reach.owners("key", None) == ["filed", "mine"]
            assert await reach.owners("key", "theirs") == []
            assert await reach.owners("consumer", None) == ["red"]
            assert await reach.owners("consumer", "blue") == []
            assert await Reach(ask.desk, ADMIN).owners("key", None) is None

    run(story())


def test_a_consumer_that_is_not_the_callers_is_not_there(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            await write(ask.desk.store, change("consumer", "theirs", {"team": "blue"}))
            reach = Reach(ask.desk, RED)
            await reach.consumer("filed")
            for name in ("theirs", "hidden", "none"):
                with pytest.raises(Refused, match="there is no consumer"):
                    await reach.consumer(name)
            assert await reach.living("consumer", "theirs") is None
            assert await Reach(ask.desk, ADMIN).living("consumer", "theirs") is not None

    run(story())


def test_a_team_is_read_from_consumers_only() -> None:
    assert team_in("consumer", {"team": "red"}) == "red"
    assert team_in("consumer", {"team": 3}) is None
    assert team_in("consumer", None) is None
    assert team_in("route", {"team": "red"}) is None


def test_a_keys_revision_is_of_the_consumer_of_its_time(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            store = ask.desk.store
            await write(store, change("consumer", "acme", {"team": "blue"}))
            for number in range(ROWS):  # more than are read at a time
                spec = {"team": "blue", "description": str(number)}
                await write(store, change("consumer", "acme", spec))
            [old] = await write(store, change("key", "old", {"consumer": "acme"}))
            [left] = await write(store, change("key", "left", {"consumer": "acme"}))
            await write(store, change("consumer", "acme", None), change("key", "old", None))
            await write(store, change("consumer", "acme", {"team": "red"}))
            for number in range(ROWS):
                spec = {"team": "red", "description": str(number)}
                await write(store, change("consumer", "acme", spec))
            [new] = await write(store, change("key", "new", {"consumer": "acme"}))
            gone = await store.head("key", "old")
            reach = Reach(ask.desk, RED)
            assert gone is not None
            for revision, seen in ((old, False), (gone, False), (left, False), (new, True)):
                assert await reach.sees_revision(revision) is seen, revision.name
                assert await Reach(ask.desk, ADMIN).sees_revision(revision)
            assert await reach.newest("key", "old") is None
            assert await reach.living("key", "left") == left  # it works, and can be revoked

    run(story())


def test_keys_of_a_consumer_that_was_never_deleted_are_its_teams_whoever_had_it(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            store = ask.desk.store
            await write(store, change("consumer", "acme", {"team": "blue"}))
            [key] = await write(store, change("key", "k", {"consumer": "acme"}))
            [filed] = await write(store, change("key", "f", {"consumer": "filed"}))
            await write(store, change("consumer", "acme", {"team": "red"}))
            for revision in (key, filed):
                assert await Reach(ask.desk, RED).sees_revision(revision)

    run(story())
