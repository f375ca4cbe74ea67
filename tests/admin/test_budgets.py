from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from sluicegate.admin.budgets import Budgets
from sluicegate.errors import StateAway
from sluicegate.journey.limit.budget import Config
from sluicegate.store.contract import Author, Change
from support.admin_frame import Asker, audited, capture_logs, frame
from support.charged_calls import NANO, PLACE, Books

AUTHOR = Author("tests", "127.0.0.1", "create")
OF_TEAM = "budget;team;team;plan:free"


def asking(folder: Path, work: Callable[[Asker, Books], Awaitable[None]], *periods: str) -> None:
    async def inner() -> None:
        async with frame(folder, [Budgets]) as api:
            books = Books(api.desk.store.ledger, api.clock, periods or ("month",))
            api.desk.ledger = books.ledger
            await work(api, books)

    asyncio.run(inner())


async def made(api: Asker, kind: str, name: str, owner: str | None = None, **spec: Any) -> None:
    content = msgspec.json.encode(spec)
    await api.desk.store.write([Change(kind, name, content, owner=owner)], AUTHOR)


async def listed(api: Asker, query: str = "", **more: Any) -> list[dict[str, Any]]:
    answer = await api.get(f"/budgets{query}", **more)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_a_budget_says_what_was_spent_and_is_held_of_what(tmp_path: Path) -> None:
    async def work(api: Asker, books: Books) -> None:
        api.desk.budget_terms = {PLACE: Config(allow=["10/month"]).terms()}
        books.begin("=acme")
        await books.call("acme", 2_500_000_000)
        (item,) = await listed(api)
        assert (item["of"], item["period"], item["scope"]) == (
            {"consumer": "acme"}, "month", "gateway",
        )  # fmt: skip
        assert (item["spent_usd"], item["held_usd"], item["limit_usd"]) == ("2.5", "0", "10")
        assert (item["percent"], item["limit_nano_usd"]) == (25, 10 * NANO)
        assert (item["start"], item["end"]) == ("2023-11-01T00:00:00Z", "2023-12-01T00:00:00Z")

    asking(tmp_path, work)


def test_a_consumers_own_limits_are_those_that_hold(tmp_path: Path) -> None:
    async def work(api: Asker, books: Books) -> None:
        place = "budget;api;consumer;gateway"
        api.desk.budget_terms = {place: Config(allow=["10/month"], name="api").terms()}
        await made(api, "consumer", "acme", limits={"api": ["20/month"]})
        api.desk.files = {"consumer": {"filed": {"limits": {"api": ["30/month"]}}, "bare": None}}
        await made(api, "consumer", "odd", limits={"api": ["20/day"]})
        for name in ("acme", "bare", "filed", "odd"):
            books.begin(f"={name}", place)
        limits = [item["limit_usd"] for item in await listed(api)]
        assert limits == ["20", "10", "30", "10"]

    asking(tmp_path, work)


def test_a_period_that_is_over_leaves_nothing_spent(tmp_path: Path) -> None:
    async def work(api: Asker, books: Books) -> None:
        books.begin("=acme")
        await books.call("acme", NANO)
        api.clock.advance(60)
        (item,) = await listed(api)
        assert (item["spent_usd"], item["limit_usd"], item["percent"]) == ("0", None, None)
        assert item["start"] == "2023-11-14T22:14:00Z"

    asking(tmp_path, work, "minute")


def test_budgets_are_looked_for_and_read_in_pages(tmp_path: Path) -> None:
    async def work(api: Asker, books: Books) -> None:
        for name in ("a", "b", "c"):
            books.begin(f"={name}")
        books.begin("=red", OF_TEAM)
        page = (await api.get("/budgets?limit=3")).json()
        assert [item["of"] for item in page["items"]] == [{"consumer": n} for n in "abc"]
        rest = (await api.get(f"/budgets?after={page['next']}")).json()
        assert [item["of"] for item in rest["items"]] == [{"team": "red", "plan": "free"}]
        assert rest["next"] is None
        assert len(await listed(api, "?consumer=b")) == 1
        assert len(await listed(api, "?team=red")) == 1
        assert len(await listed(api, "?name=team")) == 1
        assert (await api.get("/budgets?after=x")).status_code == 422

    asking(tmp_path, work)


def test_a_token_of_a_team_sees_budgets_of_its_own(tmp_path: Path) -> None:
    async def work(api: Asker, books: Books) -> None:
        await made(api, "consumer", "acme", owner="red", team="red")
        await made(api, "consumer", "beta", owner="blue", team="blue")
        await made(api, "key", "sg_local_00000001", owner="acme", consumer="acme")
        await made(api, "key", "sg_local_00000002", owner="beta", consumer="beta")
        for name in ("acme", "beta", "nobody"):
            books.begin(f"={name}")
        for team in ("red", "blue"):
            books.begin(f"={team}", OF_TEAM)
        for key in ("1", "2"):
            books.begin(f"=sg_local_0000000{key}", "budget;;key;gateway")
        books.begin("=free", "budget;;plan;gateway")
        red = await api.token("operator", team="red")
        assert [item["of"] for item in await listed(api, token=red)] == [
            {"consumer": "acme"}, {"key": "sg_local_00000001"}, {"team": "red", "plan": "free"},
        ]  # fmt: skip
        for verb in (api.get, api.post):
            assert (await verb("/budgets/reconciliation", token=red)).status_code == 403

    asking(tmp_path, work)


def test_a_difference_is_found_by_everybody_and_put_right_by_admins(tmp_path: Path) -> None:
    async def work(api: Asker, books: Books) -> None:
        api.desk.budget_terms = {PLACE: Config(allow=["10/month"]).terms()}
        books.begin("=acme")
        await books.call("acme", 3 * NANO)
        await books.move()
        books.begin("=acme")
        books.begin("=beta")
        viewer, operator = await api.token("viewer"), await api.token("operator")
        found = (await api.get("/budgets/reconciliation", token=viewer)).json()
        assert [found[name] for name in ("equal", "different", "busy", "repaired")] == [1, 1, 0, 0]
        terms, api.desk.budget_terms = api.desk.budget_terms, {}
        away = (await api.get("/budgets/reconciliation")).json()
        assert (away["equal"], away["different"], away["not_configured"]) == (1, 0, 1)
        api.desk.budget_terms = terms
        wrong = found["items"][0]
        assert (wrong["verdict"], wrong["difference_usd"]) == ("different", "-3")
        refused = await api.post("/budgets/reconciliation", token=operator)
        assert refused.status_code == 403
        with capture_logs() as logs:
            done = await api.post("/budgets/reconciliation")
        assert (done.status_code, done.json()["repaired"]) == (200, 1)
        (said,) = audited(logs)
        assert (said["who"], said["subject"], said["ledger"]) == ("first-token", "=acme", 3 * NANO)
        again = (await api.get("/budgets/reconciliation")).json()
        assert (again["equal"], again["different"]) == (2, 0)

    asking(tmp_path, work)


def test_without_the_state_nothing_can_be_said(tmp_path: Path) -> None:
    class Away:
        async def counts(self) -> list[Any]:
            raise StateAway

        async def waiting(self) -> tuple[int, int]:
            return 10**6, 0

    async def work(api: Asker, books: Books) -> None:
        del books
        for ledger in (None, Away()):
            api.desk.ledger = ledger
            for path in ("/budgets", "/budgets/reconciliation"):
                answer = await api.get(path)
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert "1000000 entries wait" in (await api.get("/budgets/reconciliation")).text

    asking(tmp_path, work)
