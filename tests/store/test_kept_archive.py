from __future__ import annotations

from typing import Any

from sluicegate.settings import Settings
from sluicegate.store.archive import ArchiveQuery, ArchiveRow
from sluicegate.store.kept_archive import WINDOW
from support.loops import run
from support.stores import opened


def row(id_: str, at_us: int = 10, **fields: Any) -> ArchiveRow:
    told: dict[str, Any] = {
        "until_us": 100, "consumer": "ann", "team": None, "route": "chat", "model": "gpt",
        "status": 200, "request_id": "r", "request_bytes": 1, "answer_bytes": 2, "redacted": 3,
        "sealed": "{}",
    }  # fmt: skip
    return ArchiveRow(id=id_, at_us=at_us, **{**told, **fields})


def test_what_is_kept_is_read_back_whole_and_listed_without_what_was_said(
    settings: Settings,
) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await store.archive.add([])
            await store.archive.add([row("a"), row("b", consumer=None)])
            assert await store.archive.get("a") == row("a")
            assert await store.archive.get("c") is None
            assert await store.archive.get("\0") is None
            found = await store.archive.listing(ArchiveQuery())
            assert found == [row("b", consumer=None, sealed=""), row("a", sealed="")]

    run(work())


def test_what_is_there_already_stays(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await store.archive.add([row("a")])
            await store.archive.add([row("a", status=500), row("b"), row("b", status=500)])
            found = await store.archive.listing(ArchiveQuery())
            assert [(each.id, each.status) for each in found] == [("b", 200), ("a", 200)]

    run(work())


def test_lists_are_bounded_by_time_by_whom_and_in_length(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            rows = [row("a", 1), row("b", 2, route="x"), row("c", 2, consumer="bob"), row("d", 3)]
            await store.archive.add(rows)

            async def ids(**query: Any) -> str:
                return "".join(
                    each.id for each in await store.archive.listing(ArchiveQuery(**query))
                )

            assert await ids() == "dcba"
            assert await ids(since_us=2, until_us=3) == "cb"
            assert await ids(limit=3) == "dcb"
            assert await ids(before=(2, "c")) == "ba"
            assert await ids(consumer="bob") == "c"
            assert await ids(route="x") == "b"
            assert await ids(route="\0") == ""
            assert await ids(consumer="b\ud800") == ""

    run(work())


def test_what_is_too_old_goes_a_window_at_a_time(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await store.archive.add([row(f"old-{n}", until_us=50) for n in range(WINDOW + 1)])
            await store.archive.add([row("new", until_us=51)])
            assert await store.archive.expire(49) == 0
            assert await store.archive.expire(50) == WINDOW + 1
            assert [each.id for each in await store.archive.listing(ArchiveQuery())] == ["new"]

    run(work())
