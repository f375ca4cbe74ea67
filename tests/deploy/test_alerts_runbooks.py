"""Every alert has a page that says what to do, and what the page shows can be run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from sluicegate.cli import application
from sluicegate.cli.declared import families
from support.pages import ROOT, blocks, commands
from support.promql import family_of, named
from support.promtool import ALERTS, RECORDING, parsed, rules

FOLDER = ROOT / "docs" / "runbooks"
INDEX = FOLDER / "README.md"
PAGES = sorted(set(FOLDER.glob("*.md")) - {INDEX})
ALERT_RULES = rules(ALERTS)
NAMES = sorted({rule.name for rule in ALERT_RULES})
LABELS = {each.name: set(each.labels) for each in families()} | {"up": set[str]()}
RECORDED = {rule.name for rule in rules(RECORDING)}
HEADINGS = [
    "What it means", "What is affected, and what is not", "How to look", "What to do",
    "When it ends", "The knob",
]  # fmt: skip
MOST_LINES = 45
MISUSE = typer.BadParameter.__mro__[1]
"""What the command line raises for all that it cannot read."""
OTHER_PROGRAMS = {"curl", "redis-cli", "openssl", "df"}


def page_of(alert: str) -> Path:
    return FOLDER / f"{re.sub(r'(?<!^)(?=[A-Z])', '-', alert).lower()}.md"


def sluicegate_commands(text: str) -> list[list[str]]:
    """Return the command lines of this product in a page: of its blocks and of its prose."""
    shown = re.findall(r"^\$ (sluicegate .*)$", text, re.MULTILINE)
    said = re.findall(r"`(sluicegate [^`]+)`", text)
    return [shlex.split(line)[1:] for line in (*shown, *said)]


@pytest.mark.parametrize("alert", NAMES)
def test_every_alert_leads_to_its_page(alert: str) -> None:
    for rule in ALERT_RULES:
        if rule.name == alert:
            assert rule.annotations["runbook_url"] == str(page_of(alert).relative_to(ROOT))
    text = page_of(alert).read_text()
    assert text.startswith(f"# {alert}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    assert len(text.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("alert", NAMES)
def test_a_page_says_the_severities_that_its_alert_has(alert: str) -> None:
    said = re.search(r"^Severity: (.*)$", page_of(alert).read_text(), re.MULTILINE)
    assert said is not None
    has = {rule.labels["severity"] for rule in ALERT_RULES if rule.name == alert}
    assert set(said[1].split(", ")) == has


def test_there_is_no_page_without_an_alert_and_none_that_the_index_does_not_name() -> None:
    assert sorted(page_of(alert) for alert in NAMES) == PAGES
    index = INDEX.read_text()
    for rule in ALERT_RULES:
        row = f"| [{rule.name}]({page_of(rule.name).name}) |"
        assert row in index, rule.name
        line = next(line for line in index.splitlines() if line.startswith(row))
        assert rule.annotations["summary"] in line
        assert rule.labels["severity"] in line


@pytest.mark.parametrize("page", [*PAGES, INDEX], ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve()
        assert target.exists(), link
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}
            assert heading in anchors, link


def test_every_query_of_a_page_can_be_asked(tmp_path: Path) -> None:
    queries = [
        line
        for page in PAGES
        for block in blocks(page)
        if block.language == "promql"
        for line in block.text.splitlines()
    ]
    assert len(queries) > len(PAGES)
    parsed({query: query for query in queries}, tmp_path)
    for query in queries:
        for each in named(query)[0]:
            if each.metric not in RECORDED:
                found = family_of(each.metric, LABELS)
                assert found is not None, query
                assert each.labels <= found[1], query


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_metrics_that_a_page_speaks_of_are_there(page: Path) -> None:
    said = set(re.findall(r"`((?:[a-z_]+:)?sluicegate_[a-z0-9_:]+)`", page.read_text()))
    assert [n for n in said if n not in RECORDED and family_of(n, LABELS) is None] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_are_commands(page: Path) -> None:
    for block in blocks(page):
        assert block.language in {"promql", "console"}, f"{block}: `{block.language}`"
        if block.language == "console":
            for command in commands(block):
                program = shlex.split(command.text)[0]
                assert program in OTHER_PROGRAMS | {"sluicegate"}, command.text
    for arguments in sluicegate_commands(page.read_text()):
        understood(arguments)


def test_a_command_that_is_none_is_found() -> None:
    for wrong in (["budget"], ["budgets", "--of", "ann"], ["key", "renew"], ["audit", "--limit"]):
        with pytest.raises((AssertionError, MISUSE)):
            understood(wrong)


def understood(arguments: list[str]) -> None:
    """Have the command line read these, without running anything.

    Prose may name a command alone, without what it has to be told. Raises AssertionError, or what
    the command line raises for misuse.
    """
    command = typer.main.get_command(application(arguments[0]))
    rest = arguments
    while hasattr(command, "commands"):
        assert rest, f"{arguments}: a command is missing"
        assert rest[0] in command.commands, f"there is no {rest[0]} in {arguments}"
        command, rest = command.commands[rest[0]], rest[1:]
    if rest:
        command.make_context(command.name, list(rest))
