from __future__ import annotations

from pathlib import Path

import pytest

from sluicegate.admin.identity import Who
from sluicegate.admin.reach import Reach, team_in
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
