"""`sluicegate diff`."""

from __future__ import annotations

from pathlib import Path

from sluicegate.cli.exits import Exit
from support.command_line import Administered


def test_differences_are_exit_status_3_and_none_are_0(
    gateway: Administered, tmp_path: Path
) -> None:
    file = tmp_path / "teams.yml"
    file.write_text("teams: {blue: {description: B}}\n")
    different = gateway.run("diff", "-f", file)
    assert different.exit_code == Exit.DIFFERENT
    assert different.stdout.splitlines() == ["+ team blue", '    {"description": "B"}']
    assert different.stderr == "1 to create, 0 to change, 0 to delete\n"
    assert gateway.names("team") == []
    gateway.lines("apply", "-f", file, "--yes")
    same = gateway.run("diff", "-f", file, "--json")
    assert (same.exit_code, same.stdout) == (Exit.OK, '{"changes":[]}\n')


def test_faults_are_told_without_asking_the_gateway(tmp_path: Path, gateway: Administered) -> None:
    (tmp_path / "a.yml").write_text("gateway: {}\n")
    result = gateway.run("diff", "-f", tmp_path, "--url", "http://127.0.0.1:1")
    assert result.exit_code == Exit.REFUSED
    assert f"{tmp_path / 'a.yml'}:1: gateway: it is a setting" in result.stderr
