from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from sluicegate.admin.changes import TRIES, Planned, columns, make
from sluicegate.admin.problems import Invalid
from sluicegate.store.contract import Author, Moved, Stale
from support.admin import Asking, api
from support.loops import run
from support.stores import change, write

ANN = Author("ann", "127.0.0.1", "patch")


async def planned(ask: Asking, name: str, content: bytes | None) -> list[Planned]:
    head = await ask.desk.store.head("team", name)
    living = head if head is not None and head.content is not None else None
    return [Planned("team", name, living, content)]


def test_a_plan_is_made_again_where_others_were_faster(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            plans = 0

            async def plan() -> Sequence[Planned]:
                nonlocal plans
                plans += 1
                wish = await planned(ask, "red", b'{"description":"mine"}')
                if plans == 1:
                    await write(ask.desk.store, change("team", "red", {"description": "theirs"}))
                return wish

            made = await make(ask.desk, ANN, plan)
            assert plans == 2
            before = made.planned[0].before
            assert before == b'{"description":"theirs"}'
            assert ask.desk.announced == 1

    run(story())


def test_others_that_never_stop_are_told_of_and_nothing_is_written(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            plans = 0

            async def plan() -> Sequence[Planned]:
                nonlocal plans
                plans += 1
                wish = await planned(ask, "red", b"{}")
                text = {"description": str(plans)}
                await write(ask.desk.store, change("team", "red", text))
                return wish

            with pytest.raises((Stale, Moved)):
                await make(ask.desk, ANN, plan)
            assert plans == TRIES
            assert ask.desk.announced == 0

    run(story())


def test_what_changes_nothing_is_neither_looked_at_nor_written(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            (first,) = await write(ask.desk.store, change("team", "red", {}))

            async def refuse() -> None:
                raise AssertionError("nothing is to be considered")

            ask.desk.before_write = refuse
            made = await make(ask.desk, ANN, lambda: planned(ask, "red", b"{}"))
            assert made.planned == ()
            assert made.revisions["team", "red"].id == first.id

    run(story())


def test_faults_are_raised_and_nothing_is_written(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            with pytest.raises(Invalid) as caught:
                await make(ask.desk, ANN, lambda: planned(ask, "red", b'{"plan":"none"}'))
            assert [fault.path for fault in caught.value.faults] == ["teams.red.plan"]
            assert await ask.desk.store.head("team", "red") is None

    run(story())


def test_a_change_names_what_it_replaces_and_what_it_is_found_by() -> None:
    content = b'{"consumer":"acme","hash":"main:0","plan":"free"}'
    change_ = Planned("key", "sg_a_1", None, content).change()
    assert (change_.expected, change_.owner, change_.plan) == ("absent", "acme", "free")
    assert columns("consumer", b'{"team":"red","plan":null}') == ("red", None)
    assert columns("token", b'{"team":"red","role":"viewer"}') == ("red", None)
    assert columns("team", b'{"plan":"free"}') == (None, "free")
    assert columns("route", b'{"team":"red","plan":"free"}') == (None, None)
    assert columns("policies", b"[]") == (None, None)
    assert columns("secret", b"{}") == (None, None)
    assert columns("key", None) == (None, None)
