from __future__ import annotations

from pathlib import Path

import pytest

from sluicegate.admin.in_use import ROWS, every, refuse_if_used
from sluicegate.errors import Refused
from sluicegate.settings import Settings
from sluicegate.store.migrate import migrate
from support.loops import run
from support.stores import change, load, made, opened, write


def test_every_one_is_seen_however_many_there_are(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))
    names = [f"c{number:05}" for number in range(2 * ROWS + 1)]

    async def story() -> None:
        await migrate(settings)
        await load(settings, (made("consumer", name, {"team": "red"}) for name in names))
        async with opened(settings) as store:
            assert [r.name async for r in every(store, "consumer")] == names
            assert [r.name async for r in every(store, "consumer", owners=["blue"])] == []

    run(story())


def test_who_would_still_name_it_is_named(tmp_path: Path) -> None:
    settings = Settings(data_dir=str(tmp_path))

    async def story() -> None:
        await migrate(settings)
        async with opened(settings) as store:
            await write(
                store,
                change("team", "red", {"plan": "free"}),
                change("consumer", "acme", {"team": "red"}),
                change("key", "sg_a_1", {"consumer": "acme", "plan": "paid"}),
                change("route", "r", {"x": "a ${secret:s} b"}),
            )
            for kind, name, user in (
                ("plan", "free", ("team", "red")),
                ("plan", "paid", ("key", "sg_a_1")),
                ("team", "red", ("consumer", "acme")),
                ("secret", "s", ("route", "r")),
            ):
                with pytest.raises(Refused, match=f"{user[0]} {user[1]}"):
                    await refuse_if_used(store, kind, name, {})
                await refuse_if_used(store, kind, name, {user: None})
                await refuse_if_used(store, kind, name, {user: b"{}"})
            await refuse_if_used(store, "plan", "other", {})
            await refuse_if_used(store, "secret", "other", {})
            await refuse_if_used(store, "service", "free", {})

    run(story())
