"""`sluicegate apply`, against a real admin API."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sluicegate.cli.exits import Exit
from support.command_line import Administered, administered

SHOP = """\
services: {shop: {targets: [http://127.0.0.1:1]}}
consumers: {acme: {description: A}}
routes:
  shop:
    match: {path: /shop}
    service: shop
"""
DECLARED = "services: {ours: {targets: ['http://127.0.0.1:1']}}\n"


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Administered]:
    with administered(tmp_path / "admin", DECLARED) as served:
        yield served


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "shop.yml").write_text(SHOP)
    return tmp_path / "shop.yml"


def test_the_plan_is_printed_and_then_it_is_so(fresh: Administered, file: Path) -> None:
    result = fresh.run("apply", "-f", file, "--yes")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[::2] == ["+ service shop", "+ consumer acme", "+ route shop"]
    assert result.stderr == "applied: 3 created, 0 changed, 0 deleted\n"
    assert fresh.names("route") == ["shop"]
    again = fresh.run("apply", "-f", file)
    assert (again.exit_code, again.stdout, again.stderr) == (0, "", "nothing to change\n")


def test_only_what_differs_is_changed(fresh: Administered, file: Path) -> None:
    fresh.lines("apply", "-f", file, "--yes")
    file.write_text(SHOP.replace("/shop", "/store"))
    assert fresh.lines("apply", "-f", file, "--yes") == [
        "~ route shop",
        "    match.path: /shop -> /store",
    ]


def test_what_is_not_declared_stays_unless_told(fresh: Administered, file: Path) -> None:
    fresh.lines("apply", "-f", file, "--yes")
    file.write_text("routes: {}\n")
    assert fresh.lines("apply", "-f", file, "--yes") == []
    assert fresh.lines("apply", "-f", file, "--yes", "--prune") == ["- route shop"]
    assert fresh.names("service") == ["ours", "shop"]


def test_a_dry_run_changes_nothing(fresh: Administered, file: Path) -> None:
    said = fresh.said("apply", "-f", file, "--dry-run")
    assert ([c["action"] for c in said["changes"]], said["applied"]) == (["create"] * 3, False)
    assert fresh.names("route") == []


def test_a_fault_is_told_by_file_and_line_and_nothing_is_stored(
    fresh: Administered, file: Path
) -> None:
    file.write_text(SHOP.replace("service: shop", "service: gone"))
    result = fresh.run("apply", "-f", file, "--yes")
    assert result.exit_code == Exit.REFUSED
    assert f"\n  {file}:6: routes.shop.service: there is no service `gone`" in result.stderr
    assert fresh.names("consumer") == []


def test_what_the_gateways_file_declares_is_a_conflict(fresh: Administered, file: Path) -> None:
    file.write_text("services: {ours: {targets: ['http://127.0.0.1:2']}}\n")
    result = fresh.run("apply", "-f", file, "--yes")
    assert result.exit_code == Exit.CONFLICT
    assert "the configuration file declares `services.ours`" in result.stderr


def test_nobody_is_asked_where_nobody_is(fresh: Administered, file: Path) -> None:
    result = fresh.run("apply", "-f", file)
    assert result.exit_code == Exit.USAGE
    assert "--yes" in result.stderr
    assert fresh.names("route") == []


@pytest.mark.parametrize(("answer", "status"), [("n", Exit.REFUSED), ("y", Exit.OK)])
def test_somebody_is_asked_at_a_terminal(
    fresh: Administered, file: Path, answer: str, status: Exit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sluicegate.cli.remote.sys", Terminal)
    result = fresh.run("apply", "-f", file, stdin=f"{answer}\n")
    assert result.exit_code == status, result.output
    assert "3 to create, 0 to change, 0 to delete\nApply this? [y/N]:" in result.stderr
    assert fresh.names("route") == (["shop"] if answer == "y" else [])


class Terminal:
    """`sys` with a terminal for standard input."""

    class stdin(io.StringIO):  # noqa: N801 - the name it has in `sys`
        @staticmethod
        def isatty() -> bool:
            return True


def test_standard_input_is_applied_without_asking_only(fresh: Administered) -> None:
    result = fresh.run("apply", "-f", "-", "--yes", stdin=SHOP)
    assert result.exit_code == 0, result.output
    assert fresh.names("route") == ["shop"]
    assert sys.stdin is not None
