"""`sluicegate usage`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest

from sluicegate.cli.exits import Exit
from sluicegate.clock import Clock
from sluicegate.model.ledger import Entry
from support.command_line import Administered, administered
from support.mock_clock import EPOCH_US

SPAN = ("--since", "2023-11-01", "--until", "2023-12-01T00:00:00Z")
CALLS = [
    Entry(id="1", at_us=EPOCH_US, consumer="acme", model="m", input=10, output=2, cost=10**9),
    Entry(id="2", at_us=EPOCH_US, consumer="acme", model="n", input=1, cost=None),
    Entry(id="3", at_us=EPOCH_US, consumer="beta", model="m", input=5, cost=500_000_000,
          status=500, estimated=True, asked="=cmd()"),
]  # fmt: skip


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administered]:
    with administered(tmp_path_factory.mktemp("admin")) as served:
        now = Entry(id="4", at_us=Clock().wall_us() - 10**6, consumer="late", cost=1)
        served.call(served.asking.desk.store.ledger.book([*CALLS, now]))
        yield served


def test_usage_is_a_table_with_its_total(gateway: Administered) -> None:
    assert [line.split() for line in gateway.lines("usage", *SPAN)] == [
        ["CONSUMER", "REQUESTS", "FAILED", "INPUT_TOKENS", "OUTPUT_TOKENS", "COST_USD"],
        ["acme", "2", "0", "11", "2", "1"],
        ["beta", "1", "1", "5", "0", "0.5"],
        ["total", "3", "1", "16", "2", "1.5"],
    ]


def test_what_a_sum_does_not_say_is_remarked(gateway: Administered) -> None:
    said = gateway.run("usage", *SPAN).stderr
    assert "1 requests to models whose price is not known" in said
    assert "1 requests whose tokens nobody counted" in said
    assert "lost" not in said


def test_rows_are_told_apart_by_what_one_asks_for(gateway: Administered) -> None:
    found = gateway.lines("usage", *SPAN, "--by", "model,day", "--consumer", "acme")
    assert [line.split()[:3] for line in found[1:]] == [
        ["m", "2023-11-14", "1"], ["n", "2023-11-14", "1"], ["total", "-", "2"],
    ]  # fmt: skip
    assert len(gateway.lines("usage", *SPAN, "--by", "")) == 2


def test_without_a_time_it_is_this_month_and_one_may_say_how_long_ago(
    gateway: Administered,
) -> None:
    late = gateway.said("usage", "--since", "1h", "--until", "0")["items"]
    assert [item["group"] for item in late] == [{"consumer": "late"}]
    assert len(gateway.said("usage")["items"]) == 2  # the API's clock stands still


def test_programs_get_one_document_of_all_pages(gateway: Administered) -> None:
    found = gateway.said("usage", *SPAN)
    assert [item["group"]["consumer"] for item in found["items"]] == ["acme", "beta"]
    assert (found["since"], found["next"]) == ("2023-11-01T00:00:00Z", None)
    assert found["items"][0]["cost_nano_usd"] == 10**9


def test_a_spreadsheet_gets_csv(gateway: Administered) -> None:
    result = gateway.run("usage", *SPAN, "--csv")
    head, *rows = csv.reader(io.StringIO(result.stdout, newline=""))
    assert head[:2] == ["consumer", "requests"]
    assert [row[:2] for row in rows] == [["acme", "2"], ["beta", "1"]]
    entries = gateway.run("usage", *SPAN, "--entries", "--csv").stdout
    assert entries.startswith("id,at,requests,consumer,")
    assert "'=cmd()" in entries


def test_calls_are_listed_one_by_one(gateway: Administered) -> None:
    lines = gateway.lines("usage", *SPAN, "--entries", "--consumer", "acme")
    assert len(lines) == 3
    assert lines[0].split()[:2] == ["AT", "CONSUMER"]
    assert len(gateway.said("usage", *SPAN, "--entries")["items"]) == 3
    assert "older ones" in gateway.run("usage", *SPAN, "--entries", "--limit", "1").stderr


def test_fewer_rows_than_there_are_say_so(gateway: Administered) -> None:
    assert "more rows" in gateway.run("usage", *SPAN, "--limit", "1").stderr


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (("--csv", "--json"), Exit.USAGE),
        (("--since", "soon"), Exit.USAGE),
        (("--by", "shoe"), Exit.USAGE),
        (("--by", "consumer,"), Exit.USAGE),
    ],
)
def test_misuse_is_told(gateway: Administered, options: tuple[str, ...], status: Exit) -> None:
    assert gateway.run("usage", *options).exit_code == status


def test_nothing_used_is_an_empty_table(gateway: Administered) -> None:
    assert len(gateway.lines("usage", *SPAN, "--consumer", "nobody")) == 1
    assert gateway.run("usage", *SPAN, "--consumer", "nobody", "--csv").exit_code == 0


def test_what_rows_cannot_be_told_apart_by_is_told_with_what_they_can(
    gateway: Administered,
) -> None:
    said = gateway.run("usage", "--by", "consumer,shoe").stderr
    assert "found `shoe`" in said
    assert "deployment, asked, region" in said


def test_rows_are_told_apart_by_what_callers_called_a_model(gateway: Administered) -> None:
    found = gateway.lines("usage", *SPAN, "--by", "asked")
    assert [line.split()[:2] for line in found[1:]] == [["-", "2"], ["=cmd()", "1"], ["total", "3"]]
