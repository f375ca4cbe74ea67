from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sluicegate.cli import application
from sluicegate.cli.reference import configuration, metrics, pages, policies, problems
from sluicegate.errors import PROBLEMS
from sluicegate.metrics import Family
from sluicegate.snapshot.overrides import variables
from sluicegate.snapshot.policies import PolicyCatalog

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
PAGES = pages(PolicyCatalog(()))


@pytest.mark.parametrize("name", PAGES)
def test_the_committed_page_is_what_the_sources_say(name: str) -> None:
    assert (FOLDER / name).read_text() == PAGES[name], "run `sluicegate reference`"


def test_no_page_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


def test_the_command_writes_every_page(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        application("reference"), ["reference", "--out", str(tmp_path / "ref")]
    )
    assert result.exit_code == 0
    assert {path.name: path.read_text() for path in (tmp_path / "ref").iterdir()} == PAGES


def test_every_setting_is_there_with_type_default_meaning_and_variable() -> None:
    page = configuration()
    assert (
        "| `header_timeout` | duration | `10s` | First byte to complete head, absolute. HAProxy "
        "advises 10 s. `SLUICEGATE_GATEWAY_HTTP_HEADER_TIMEOUT` |"
    ) in page
    assert "| `max_target` | size | `8KiB` |" in page
    assert "## `services.<name>.targets[]`" in page
    assert [name for name in variables() if f"`{name}`" not in page] == []


def test_no_field_is_without_a_meaning() -> None:
    for page in (configuration(), policies(PolicyCatalog(()))):
        rows = [line for line in page.splitlines() if line.startswith("| `")]
        assert [row for row in rows if row.endswith("|  |")] == []


def test_every_policy_is_there_with_its_stage() -> None:
    page = policies(PolicyCatalog(()))
    assert "## `rate_limit`\n\nStage: `limit`.\n" in page
    assert page.count("\nStage: ") == len(PolicyCatalog(()).names())


def test_every_problem_is_there() -> None:
    page = problems(PROBLEMS)
    assert "| `urn:sluicegate:problem:no-route` | 404 | No route matches the request |" in page
    assert all(problem.type in page for problem in PROBLEMS)


def test_metrics_are_in_order_of_their_names() -> None:
    page = metrics([Family("b_total", "counter", "B.", ("x", "y")), Family("a", "gauge", "A | B.")])
    assert page.endswith("| `a` | gauge |  | A \\| B. |\n| `b_total` | counter | `x`, `y` | B. |\n")
