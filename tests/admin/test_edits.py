from __future__ import annotations

from pathlib import Path

import pytest

from sluicegate.admin.edits import ANYTHING, Edits, keys_of
from sluicegate.admin.identity import Who
from sluicegate.admin.preconditions import precondition
from sluicegate.errors import CONFLICT, NOT_FOUND, PRECONDITION_REQUIRED, STALE, Problem, Refused
from support.admin import api
from support.loops import run
from support.stores import change, write

ADMIN = Who("ann", "admin", None, "127.0.0.1")
FILE = "teams: {filed: {}}\nconsumers: {both: {}}\n"


def test_what_stands_in_the_way_is_told_before_what_is_wrong(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            await write(ask.desk.store, change("team", "red", {}))
            edits = Edits(ask.desk, ADMIN)
            wrong, stale = b'{"x": 1}', precondition('"x"')

            async def refused(problem: Problem, plan: object) -> None:
                with pytest.raises(Refused) as caught:
                    await plan  # type: ignore[misc]
                assert caught.value.problem is problem

            await refused(CONFLICT, edits.put("team", "filed", wrong, stale))
            await refused(STALE, edits.put("team", "red", wrong, stale))
            await refused(CONFLICT, edits.create("team", "red", wrong))
            await refused(PRECONDITION_REQUIRED, edits.patch("team", "none", wrong, ANYTHING))
            await refused(NOT_FOUND, edits.delete("team", "none", ANYTHING))
            await refused(STALE, edits.delete("team", "red", stale))

    run(story())


def test_a_stored_consumer_that_the_file_hides_goes_without_the_keys(tmp_path: Path) -> None:
    """They are the file's consumer's."""

    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            key = {"consumer": "both", "hash": "main:" + "0" * 64}
            await write(
                ask.desk.store, change("consumer", "both", {}), change("key", "sg_a_1", key)
            )
            planned = await Edits(ask.desk, ADMIN).delete("consumer", "both", ANYTHING)
            assert [each.kind for each in planned] == ["consumer"]
            of_it = [each.name async for each in keys_of(ask.desk.store, "both")]
            assert of_it == ["sg_a_1"]

    run(story())
