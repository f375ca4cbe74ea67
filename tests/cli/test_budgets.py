"""`sluicegate budgets`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest

from sluicegate.cli.budgets import whose
from sluicegate.cli.exits import Exit
from sluicegate.journey.limit.budget import Config
from support.charged_calls import NANO, PLACE, Books
from support.command_line import Administered, administered


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administered]:
    with administered(tmp_path_factory.mktemp("admin")) as served:
        served.call(charge(served))
        yield served


async def charge(served: Administered) -> None:
    desk = served.asking.desk
    books = Books(desk.store.ledger, served.asking.clock)
    desk.ledger = books.ledger
    desk.budget_terms = {PLACE: Config(allow=["10/month"]).terms()}
    for name in ("acme", "beta"):
        books.begin(f"={name}")
        await books.call(name, 4 * NANO)


def test_budgets_are_a_table(gateway: Administered) -> None:
    head, acme, beta = (line.split() for line in gateway.lines("budgets"))
    assert head == [
        "NAME", "SCOPE", "OF", "PERIOD", "SPENT_USD", "HELD_USD", "LIMIT_USD", "PERCENT",
    ]  # fmt: skip
    assert acme == ["-", "gateway", "consumer=acme", "month", "4", "0", "10", "40"]
    assert beta[2] == "consumer=beta"


def test_they_are_looked_for_by_whose_they_are(gateway: Administered) -> None:
    (item,) = gateway.said("budgets", "--consumer", "beta")["items"]
    assert item["of"] == {"consumer": "beta"}
    assert len(gateway.lines("budgets", "--team", "red")) == 1
    assert "there are more" in gateway.run("budgets", "--limit", "1").stderr


def test_whom_a_budget_counts_is_written_in_one_line() -> None:
    assert whose({"consumer": "acme", "model": None}) == "consumer=acme model=-"


def test_a_spreadsheet_gets_csv(gateway: Administered) -> None:
    head, *rows = csv.reader(io.StringIO(gateway.run("budgets", "--csv").stdout, newline=""))
    assert head[:5] == ["place", "name", "scope", "of", "period"]
    acme = dict(zip(head, rows[0], strict=True))
    assert (acme["of"], acme["spent_nano_usd"], acme["limit_usd"]) == (
        "consumer=acme", str(4 * NANO), "10",
    )  # fmt: skip
    assert acme["start"].endswith("Z")
    assert "there are more" in gateway.run("budgets", "--csv", "--limit", "1").stderr
    assert gateway.run("budgets", "--csv", "--json").exit_code == Exit.USAGE
