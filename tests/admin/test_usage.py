from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sluicegate.admin.usage import Usage
from sluicegate.model.ledger import Entry
from support.admin_frame import Asker, frame
from support.mock_clock import EPOCH_US

DAY_US = 86_400 * 10**6
CALLS = [
    Entry(id="1", at_us=EPOCH_US - 40 * DAY_US, consumer="acme", team="red", cost=1, input=1),
    Entry(id="2", at_us=EPOCH_US - 2 * DAY_US, consumer="acme", team="red", model="m", input=10,
          output=2, cost=10**9, status=200),
    Entry(id="3", at_us=EPOCH_US - DAY_US, consumer="beta", team="blue", model="m", input=5,
          output=1, cost=500_000_000, status=500, estimated=True),
    Entry(id="4", at_us=EPOCH_US - 10, consumer="acme", team="red", model="=n", cost=None,
          asked="=cmd()"),
    Entry(id="5", at_us=EPOCH_US, cost=7),
]  # fmt: skip


def asking(folder: Path, work: Callable[[Asker], Awaitable[None]]) -> None:
    async def inner() -> None:
        async with frame(folder, [Usage]) as api:
            await api.desk.store.ledger.book(CALLS)
            await work(api)

    asyncio.run(inner())


async def rows(api: Asker, query: str, **more: Any) -> list[tuple[Any, ...]]:
    answer = await api.get(f"/usage{query}", **more)
    assert answer.status_code == 200, answer.text
    return [
        (*item["group"].values(), item["requests"], item["cost_usd"])
        for item in answer.json()["items"]
    ]


def test_usage_of_this_month_is_added_up_by_whom_one_asks_for(tmp_path: Path) -> None:
    async def work(api: Asker) -> None:
        assert await rows(api, "") == [(4, "1.500000007")]
        assert await rows(api, "?by=consumer") == [
            (None, 1, "0.000000007"), ("acme", 2, "1"), ("beta", 1, "0.5"),
        ]  # fmt: skip
        assert await rows(api, "?by=consumer,day&consumer=acme") == [
            ("acme", "2023-11-12", 1, "1"), ("acme", "2023-11-14", 1, "0"),
        ]  # fmt: skip
        assert await rows(api, "?by=team&consumer=") == [(None, 1, "0.000000007")]
        assert await rows(api, "?consumer=nobody") == []
        answer = await api.get("/usage?by=model")
        assert answer.json()["since"] == "2023-11-01T00:00:00Z"
        item = answer.json()["items"][-1]
        assert (item["group"]["model"], item["input_tokens"], item["estimated"]) == ("m", 15, 1)

    asking(tmp_path, work)


def test_another_time_may_be_asked_for(tmp_path: Path) -> None:
    async def work(api: Asker) -> None:
        assert await rows(api, "?since=2023-01-01T00:00:00Z&until=2023-11-01T00:00:00Z") == [
            (1, "0.000000001")
        ]
        assert await rows(api, "?since=2023-11-14T22:13:20Z") == [(1, "0.000000007")]
        assert await rows(api, "?until=2023-11-14T22:13:20Z") == [(3, "1.5")]
        for query, path in (
            ("since=2023-11-14T22:13:20Z&until=2023-11-14T22:13:20Z", "since"),
            ("since=yesterday", "since"),
            ("until=2023-13-14T22:13:20Z", "until"),
        ):
            answer = await api.get(f"/usage?{query}")
            assert answer.status_code == 422, query
            assert [error["path"] for error in answer.json()["errors"]] == [path]

    asking(tmp_path, work)


def test_rows_come_in_pages(tmp_path: Path) -> None:
    async def work(api: Asker) -> None:
        seen, after = [], ""
        while True:
            page = (await api.get(f"/usage?by=consumer,model&limit=1&after={after}")).json()
            seen += [tuple(item["group"].values()) for item in page["items"]]
            after = page["next"]
            if after is None:
                break
        assert seen == [(None, None), ("acme", "=n"), ("acme", "m"), ("beta", "m")]

    asking(tmp_path, work)


@pytest.mark.parametrize("query", ["by=shoe", "by=team,team", "by=team,", "after=x", "limit=0",
                                   "limit=10001", "consumer=%00", "format=xml", "who=me",
                                   "by=team&after=WyJhIiwgImIiXQ=="])  # fmt: skip
def test_what_cannot_be_asked_is_refused(query: str, tmp_path: Path) -> None:
    async def work(api: Asker) -> None:
        assert (await api.get(f"/usage?{query}")).status_code == 422

    asking(tmp_path, work)


def test_entries_are_listed_newest_first_in_pages(tmp_path: Path) -> None:
    async def work(api: Asker) -> None:
        answer = (await api.get("/usage/entries?limit=2")).json()
        assert [item["id"] for item in answer["items"]] == ["5", "4"]
        assert answer["items"][1]["cost_usd"] is None
        rest = (await api.get(f"/usage/entries?after={answer['next']}")).json()
        assert [item["id"] for item in rest["items"]] == ["3", "2"]
        assert rest["next"] is None
        assert (await api.get("/usage/entries?after=x")).status_code == 422

    asking(tmp_path, work)


def test_a_spreadsheet_gets_a_table_and_where_it_goes_on(tmp_path: Path) -> None:
    async def work(api: Asker) -> None:
        answer = await api.get("/usage?by=model&limit=2&format=csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        head, *lines = csv.reader(io.StringIO(answer.text, newline=""))
        assert head[:2] == ["model", "requests"]
        assert [line[0] for line in lines] == ["", "'=n"]
        link = answer.headers["link"]
        assert link.startswith("</admin/v1/usage?by=model&limit=2&format=csv&after=")
        rest = await api.get(link[1:].partition(">")[0])
        assert "link" not in rest.headers
        assert rest.text.splitlines()[1].startswith("m,2,1,")
        accepted = await api.get("/usage/entries?limit=2", headers={"accept": "text/csv"})
        assert accepted.text.splitlines()[0].startswith("id,at,requests,consumer,")
        assert "'=cmd()" in accepted.text
        assert accepted.headers["vary"] == "accept"

    asking(tmp_path, work)


def test_a_token_of_a_team_sees_what_its_team_used(tmp_path: Path) -> None:
    async def work(api: Asker) -> None:
        red = await api.token("viewer", team="red")
        assert await rows(api, "?by=consumer", token=red) == [("acme", 2, "1")]
        assert await rows(api, "?by=consumer&team=red", token=red) == [("acme", 2, "1")]
        for other in ("team=blue", "team=", "consumer=beta"):
            assert await rows(api, f"?{other}", token=red) == []
            answer = await api.get(f"/usage/entries?{other}", token=red)
            assert answer.json()["items"] == []
        listed = await api.get("/usage/entries", token=red)
        assert {item["id"] for item in listed.json()["items"]} == {"2", "4"}

    asking(tmp_path, work)
