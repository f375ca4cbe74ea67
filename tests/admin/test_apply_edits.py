from __future__ import annotations

from pathlib import Path

import pytest

from sluicegate.admin.apply_edits import ONE_BY_ONE, plan
from sluicegate.admin.document import Applied
from sluicegate.errors import Refused
from support.admin import api
from support.loops import run
from support.stores import change, write


def test_only_what_differs_is_planned_however_consumers_are_read(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path) as ask:
            count = 2 * ONE_BY_ONE
            await write(
                ask.desk.store,
                *(change("consumer", f"c{number}", {}) for number in range(count)),
                change("team", "red", {}),
            )
            for named in (2, count):
                contents = {("consumer", f"c{number}"): b"{}" for number in range(named)}
                contents |= {("team", "red"): b"{}", ("team", "blue"): b"{}"}
                wish = Applied(contents, frozenset({"consumer", "team"}), prune=False)
                assert [each.name for each in await plan(ask.desk, wish)] == ["blue"]

    run(story())


def test_what_the_file_declares_is_named_a_few_of_many(tmp_path: Path) -> None:
    async def story() -> None:
        file = "teams: {a: {}, b: {}, c: {}, d: {}, e: {}}\n"
        async with api(tmp_path, file) as ask:
            contents = {("team", name): b"{}" for name in "abcde"}
            with pytest.raises(Refused, match=r"`teams\.a`, .* and 2 more"):
                await plan(ask.desk, Applied(contents, frozenset({"team"}), prune=False))

    run(story())
