from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import httpx
import pytest

from sluicegate.admin.changes import TRIES, Planned, columns, grounds, make
from sluicegate.admin.problems import Invalid
from sluicegate.store.contract import Author, Moved
from support.admin import Asking, api, problem
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

            with pytest.raises(Moved):
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


Asked = Callable[[Asking], Awaitable[httpx.Response]]


def put(path: str, **spec: str) -> Asked:
    return lambda ask: ask.put(path, json=spec)


def gone(path: str) -> Asked:
    return lambda ask: ask.delete(path)


def key(**spec: str) -> Asked:
    return lambda ask: ask.post("/keys", json={"consumer": "acme", **spec})


def token(**spec: str) -> Asked:
    return lambda ask: ask.post("/tokens", json={"role": "viewer", **spec})


@pytest.mark.parametrize(
    ("first", "meanwhile", "status"),
    [
        (key(), gone("/consumers/acme"), 422),
        (key(plan="free"), gone("/plans/free"), 422),
        (put("/consumers/new", plan="free"), gone("/plans/free"), 422),
        (put("/consumers/new", team="red"), gone("/teams/red"), 422),
        (put("/teams/new", plan="free"), gone("/plans/free"), 422),
        (token(team="red"), gone("/teams/red"), 422),
        (gone("/plans/free"), key(plan="free"), 409),
        (gone("/plans/free"), put("/consumers/new", plan="free"), 409),
        (gone("/plans/free"), put("/teams/new", plan="free"), 409),
        (gone("/teams/red"), put("/consumers/new", team="red"), 409),
        (gone("/teams/red"), token(team="red"), 409),
    ],
)  # fmt: skip
def test_who_is_named_is_there_still_when_it_is_written(
    tmp_path: Path, first: Asked, meanwhile: Asked, status: int
) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            for path in ("/consumers/acme", "/teams/red"):
                await ask.made(path, {})
            await ask.made("/plans/free", {"policies": []})

            async def others() -> None:
                assert (await meanwhile(ask)).status_code in {200, 201, 204}

            ask.desk.before_write = others
            assert problem(await first(ask))[0] == status

    run(story())


def test_a_key_that_is_made_while_its_consumer_goes_goes_too(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            await ask.made("/consumers/acme", {})
            names = []

            async def meanwhile() -> None:
                names.append((await ask.key("acme"))["name"])

            ask.desk.before_write = meanwhile
            assert (await ask.delete("/consumers/acme")).status_code == 204
            [revoked] = [await ask.desk.store.head("key", name) for name in names]
            assert revoked is not None
            assert revoked.content is None

    run(story())


def test_many_make_keys_at_once_and_none_is_in_the_way_of_another(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            await ask.made("/consumers/acme", {})
            await asyncio.gather(*(ask.key("acme") for _ in range(3 * TRIES)))
            plans = 0

            async def plan() -> Sequence[Planned]:
                nonlocal plans
                plans += 1
                await ask.key("acme")
                content = b'{"consumer":"acme","hash":"main:' + b"0" * 64 + b'"}'
                return [Planned("key", "sg_local_1", None, content)]

            await make(ask.desk, ANN, plan)
            assert plans == 1

    run(story())


def test_a_plan_rests_on_whom_it_names_and_on_who_names_what_goes() -> None:
    found = grounds(
        7,
        [
            Planned("key", "k", None, b'{"consumer":"c","plan":"p"}'),
            Planned("token", "t", None, b'{"team":"blue"}'),
            Planned("route", "r", None, b'{"team":"red"}'),
            Planned("consumer", "old", None, None),
            Planned("team", "red", None, None),
            Planned("plan", "free", None, None),
        ],
    )
    assert found.arrival == 7
    assert found.names == {("consumer", "c"), ("team", "blue")}
    assert found.owners == {("key", "old"), ("consumer", "red"), ("token", "red")}
    assert found.plans == {(kind, "free") for kind in ("team", "consumer", "key")}


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
