"""Exit statuses."""

from __future__ import annotations

import pytest

from sluicegate.cli.exits import MEANINGS, Exit, Refusal, epilog
from support.pages import ROOT


@pytest.mark.parametrize(
    ("http_status", "status"),
    [
        (400, Exit.REFUSED),
        (401, Exit.NOT_ALLOWED),
        (403, Exit.NOT_ALLOWED),
        (404, Exit.REFUSED),
        (409, Exit.CONFLICT),
        (412, Exit.CONFLICT),
        (422, Exit.REFUSED),
        (428, Exit.CONFLICT),
        (429, Exit.UNREACHABLE),
        (500, Exit.UNREACHABLE),
        (503, Exit.UNREACHABLE),
    ],
)
def test_each_refusal_has_its_exit_status(http_status: int, status: Exit) -> None:
    assert Refusal(http_status, {}).status is status


def test_a_refusal_tells_the_problem_and_each_fault() -> None:
    problem = {
        "title": "Not as expected",
        "detail": "nothing was done",
        "errors": [{"path": "routes.a", "message": "no"}, {"path": "", "message": "empty"}, "?"],
    }
    refusal = Refusal(422, problem)
    assert str(refusal) == "Not as expected: nothing was done"
    assert refusal.lines == ("routes.a: no", "(all): empty")


def test_an_answer_that_is_no_problem_document_is_told_by_its_status() -> None:
    assert str(Refusal(502, {})) == "the gateway answered 502"
    assert Refusal(422, {"errors": "none"}).faults == []


def test_what_a_gateway_says_is_not_obeyed_by_the_terminal() -> None:
    assert str(Refusal(409, {"title": "a\x1b[2Jb"})) == "a\\x1b[2Jb"


def test_every_status_is_in_the_help() -> None:
    assert [status for status, _ in MEANINGS] == list(Exit)
    assert all(f"{status.value} " in epilog() for status in Exit)


def test_the_page_has_the_same_statuses() -> None:
    page = (ROOT / "docs" / "howto" / "command-line.md").read_text()
    table = page.partition("## Exit statuses")[2]
    rows = [f"| {status.value} | {meaning} |" for status, meaning in MEANINGS]
    assert table.strip().splitlines()[2:] == rows
