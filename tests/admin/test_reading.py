from __future__ import annotations

from pathlib import Path

import pytest

from sluicegate.admin.identity import Who
from sluicegate.admin.reading import Reading, Wanted, is_id
from sluicegate.admin.representation import Source
from sluicegate.errors import Refused
from sluicegate.store.uuid7 import Uuid7
from support.admin import api, problem
from support.loops import run
from support.mock_clock import EPOCH_US
from support.stores import change, write

STORED, DECLARED = ["a", "c", "e", "f", "h1", "h2"], ["b", "c", "f", "g", "h3"]
FILE = "teams: {b: {}, c: {}, f: {}, g: {}, h3: {}}\n"
ADMIN = Who("ann", "admin", None, "127.0.0.1")
EVERYTHING = sorted({*STORED, *DECLARED})


@pytest.mark.parametrize(
    ("source", "prefix", "expected"),
    [
        (None, "", EVERYTHING),
        ("store", "", STORED),
        ("file", "", DECLARED),
        (None, "h", ["h1", "h2", "h3"]),
        ("store", "h", ["h1", "h2"]),
        (None, "x", []),
    ],
)
def test_pages_of_any_length_give_every_name_once_and_in_order(
    tmp_path: Path, source: Source | None, prefix: str, expected: list[str]
) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            await write(ask.desk.store, *(change("team", name, {}) for name in STORED))
            reading = Reading(ask.desk, ADMIN)
            for limit in range(1, 12):
                seen: list[str] = []
                after: str | None = ""
                while after is not None:
                    page = await reading.page("team", Wanted(limit, after, prefix, source))
                    assert len(page.items) <= limit
                    assert page.next is None or page.next > after
                    seen += [item.name for item in page.items]
                    after = page.next
                assert seen == expected, limit

    run(story())


def test_the_file_is_shown_before_the_store(tmp_path: Path) -> None:
    async def story() -> None:
        async with api(tmp_path, FILE) as ask:
            await write(ask.desk.store, *(change("team", name, {}) for name in STORED))
            reading = Reading(ask.desk, ADMIN)
            assert (await reading.one("team", "c")).source == "file"
            assert (await reading.one("team", "a")).source == "store"
            with pytest.raises(Refused):
                await reading.one("team", "x")

    run(story())


def test_an_id_is_one_in_the_form_that_ids_are_written() -> None:
    made = Uuid7().make(EPOCH_US)
    assert is_id(made)
    for wrong in (made.upper(), f"{{{made}}}", made.replace("-", ""), made[:-1], "", "' OR 1=1"):
        assert not is_id(wrong)


def test_what_was_another_teams_before_stays_theirs_and_what_is_deleted_ones_own(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with api(tmp_path, "teams: {red: {}, blue: {}}\n") as ask:
            theirs = (await ask.made("/consumers/acme", {"team": "blue"})).strip('"')
            await ask.made("/consumers/acme", {"team": "red"})
            red = await ask.token("operator", team="red")
            history = "/consumers/acme/history"
            assert len((await ask.get(history)).json()["items"]) == 2
            assert len((await ask.get(history, token=red)).json()["items"]) == 1
            of_theirs = {"from": theirs}
            diff = await ask.get("/consumers/acme/diff", params=of_theirs, token=red)
            assert problem(diff) == (404, "not-found")
            back = {"revision": theirs}
            rollback = await ask.post("/consumers/acme/rollback", json=back, token=red)
            assert problem(rollback) == (404, "not-found")
            assert (await ask.delete("/consumers/acme", token=red)).status_code == 204
            gone = (await ask.get(history, token=red)).json()["items"]
            assert [item["action"] for item in gone] == ["delete", "replace"]
            again = await ask.put("/consumers/acme", json={"team": "red"}, token=red)
            assert again.status_code == 201

    run(story())
