"""`sluicegate export`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sluicegate.cli.exits import Exit
from support.command_line import Administered, administered

EVERYTHING = """\
services: {a: {targets: [{url: 'http://127.0.0.1:1', weight: 2}]}}
plans: {free: {policies: [{rate_limit: {allow: [10/minute], by: consumer}}]}}
teams: {blue: {plan: free, description: 'yes'}}
consumers: {acme/shop: {team: blue, description: "1e5: ünï\\n"}}
providers: {own: {kind: openai_compatible, url: 'http://127.0.0.1:1/v1'}}
models: {'gpt-*': {deployments: [{provider: own, model: 'openai/*'}]}}
routes:
  x: {match: {path: '/x', headers: {x-a: "on"}}, service: a}
  ai: {match: {path: '/v1/**'}, ai: {proxy: [own]}}
policies: [{metrics: {}}]
"""


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Administered]:
    with administered(tmp_path / "admin") as served:
        yield served


def test_what_is_exported_is_what_was_applied(fresh: Administered, tmp_path: Path) -> None:
    file, out = tmp_path / "all.yml", tmp_path / "out.yml"
    file.write_text(EVERYTHING)
    fresh.lines("apply", "-f", file, "--yes")
    fresh.said("key", "create", "--consumer", "acme/shop")
    result = fresh.run("export", "-o", out)
    assert (result.exit_code, result.stderr) == (0, f"written to {out}\n")
    assert yaml.safe_load(out.read_text()) == yaml.safe_load(EVERYTHING)
    assert fresh.run("export").stdout == out.read_text()
    assert fresh.said("export") == yaml.safe_load(EVERYTHING)


def test_an_export_is_applied_to_another_gateway_and_comes_back_the_same(
    fresh: Administered, tmp_path: Path
) -> None:
    first, second = tmp_path / "1.yml", tmp_path / "2.yml"
    first.write_text(EVERYTHING)
    fresh.lines("apply", "-f", first, "--yes")
    fresh.lines("export", "-o", first)
    with administered(tmp_path / "other") as other:
        other.lines("apply", "-f", first, "--yes")
        other.lines("export", "-o", second)
        assert other.run("diff", "-f", first).exit_code == Exit.OK
    assert first.read_text() == second.read_text()


def test_a_file_that_cannot_be_written_is_named(fresh: Administered, tmp_path: Path) -> None:
    result = fresh.run("export", "-o", tmp_path / "gone" / "x.yml")
    assert result.exit_code == Exit.REFUSED
    assert "x.yml: cannot be written" in result.stderr
