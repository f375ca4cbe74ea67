"""`sluicegate reconcile`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sluicegate.cli.exits import Exit
from sluicegate.journey.limit.budget import Config
from support.charged_calls import NANO, PLACE, Books
from support.command_line import Administered, administered


@pytest.fixture
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administered]:
    with administered(tmp_path_factory.mktemp("admin")) as served:
        served.call(charge(served, lost=False))
        yield served


async def charge(served: Administered, *, lost: bool) -> None:
    """Charge two consumers; `lost`: the counts of one have begun from nothing since."""
    desk = served.asking.desk
    books = Books(desk.store.ledger, served.asking.clock)
    for name in ("acme", "beta"):
        books.begin(f"={name}")
        await books.call(name, 3 * NANO, id=f"{name}-{lost}")
    if desk.ledger is not None:
        await desk.store.ledger.expire(2**60)
    await books.move()
    if lost:
        books.begin("=acme")
    desk.ledger = books.ledger
    desk.budget_terms = {PLACE: Config(allow=["100/month"]).terms()}


def test_what_is_equal_ends_with_0_and_a_sentence(gateway: Administered) -> None:
    result = gateway.run("reconcile")
    assert (result.exit_code, result.stdout) == (Exit.OK, "")
    assert result.stderr.strip() == "2 counts: 2 equal to the ledger"
    assert len(gateway.lines("reconcile", "--all")) == 3


def test_a_difference_ends_with_1_and_shows_it(gateway: Administered) -> None:
    gateway.call(charge(gateway, lost=True))
    result = gateway.run("reconcile")
    assert result.exit_code == Exit.REFUSED
    head, wrong = result.stdout.splitlines()
    assert head.split()[-2:] == ["DIFFERENCE_USD", "VERDICT"]
    assert wrong.split()[2:] == [
        "consumer=acme", "month", "0", str(3 * NANO), "0", "-3", "different",
    ]  # fmt: skip
    assert "1 equal to the ledger, 1 different" in result.stderr
    assert gateway.run("reconcile", "--json").exit_code == Exit.REFUSED


def test_it_is_put_right_where_one_says_so(gateway: Administered) -> None:
    gateway.call(charge(gateway, lost=True))
    unasked = gateway.run("reconcile", "--repair")
    assert unasked.exit_code == Exit.USAGE  # nobody can be asked here
    repaired = gateway.run("reconcile", "--repair", "--yes")
    assert repaired.exit_code == Exit.OK, repaired.output
    assert "1 repaired" in repaired.stderr
    assert gateway.said("reconcile")["equal"] == 2


def test_only_admins_put_it_right(gateway: Administered, tmp_path: Path) -> None:
    gateway.call(charge(gateway, lost=True))
    token = tmp_path / "operator.token"
    token.write_text(gateway.token("operator"))
    as_operator = ("--token-file", token)
    repairing = gateway.run("reconcile", "--repair", "--yes", *as_operator)
    assert repairing.exit_code == Exit.NOT_ALLOWED
    assert gateway.run("reconcile", *as_operator).exit_code == Exit.REFUSED


def test_a_budget_that_does_not_run_is_no_fault(gateway: Administered) -> None:
    gateway.call(charge(gateway, lost=True))
    gateway.asking.desk.budget_terms = {}
    result = gateway.run("reconcile")
    assert result.exit_code == Exit.OK
    assert result.stdout.splitlines()[1].split()[-2:] == ["-3", "not_configured"]
    assert "1 not configured" in result.stderr
