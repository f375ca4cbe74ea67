"""Tables and JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.cli.table import Output, cell, compact, plain, table


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    rows = table(("name", "plan"), [["acme", "free"], ["日本", None], ["x", ["a", "b"]]])
    assert rows == ["NAME  PLAN", "acme  free", "日本  -", "x     a, b"]


def test_a_table_of_nothing_is_its_heading() -> None:
    assert table(("name", "a"), []) == ["NAME  A"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"), ("", "-"), ([], "-"), (True, "yes"), (False, "no"), (0, "0"),
        ("a\nb", "a\\nb"), ({"a": [1]}, '{"a": [1]}'), (["a", {"b": 1}], 'a, {"b": 1}'),
    ],
)  # fmt: skip
def test_every_value_is_one_line(value: object, shown: str) -> None:
    assert cell(value) == shown


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_printed(text: str) -> None:
    assert plain(text).isprintable()


def test_marks_that_turn_text_around_are_written_out() -> None:
    assert plain("a\u202eb") == "a\\u202eb"


@given(st.text(max_size=20) | st.integers() | st.lists(st.text(max_size=5), max_size=3))
def test_a_compact_value_is_one_line_and_clear_text_is_bare(value: object) -> None:
    shown = compact(value)
    assert shown.isprintable()
    assert compact("free") == "free"
    assert compact("a b") == '"a b"'


def test_programs_get_json_and_people_lines(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).result({"a": 1}, ["for people"])
    assert json.loads(capsys.readouterr().out) == {"a": 1}
    Output(as_json=False).result({"a": 1}, ["for people"])
    assert capsys.readouterr().out == "for people\n"


def test_remarks_are_no_part_of_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)
    output.remark("by the way")
    with output.working("something long"):
        pass
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "by the way\n")
