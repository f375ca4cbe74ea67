from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.admin.spreadsheet import usd, wants, written


@given(st.integers(-(10**18), 10**18))
def test_money_is_written_exactly(nano: int) -> None:
    text = usd(nano)
    assert Decimal(text) == Decimal(nano).scaleb(-9)
    assert "." not in text or not text.endswith(("0", "."))


def test_a_table_reads_back_as_it_was() -> None:
    rows = [["a,b", 1, None, True], ['say "x"', -2, "line\nbreak", False]]
    text = written(["one", "two", "three", "four"], rows).decode()
    assert text.endswith("\r\n")
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["one", "two", "three", "four"],
        ["a,b", "1", "", "true"],
        ['say "x"', "-2", "line\nbreak", "false"],
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_no_name_becomes_a_formula(text: str) -> None:
    assert written(["x"], [[text]]).decode() == f"x\r\n'{text}\r\n"


@pytest.mark.parametrize(
    ("accept", "form", "csv_is_wanted"),
    [
        (None, None, False),
        (None, "csv", True),
        ("text/csv", "json", False),
        ("text/csv", None, True),
        ("text/csv; charset=utf-8", None, True),
        ("*/*", None, False),
        ("application/json, text/csv;q=0.5", None, False),
        ("application/json;q=0.5, text/csv", None, True),
        ("text/csv;q=what, application/json;q=0.1", None, True),
        ("text/html", None, False),
    ],
)
def test_csv_comes_where_it_was_asked_for(
    accept: str | None,
    form: str | None,
    csv_is_wanted: bool,  # noqa: FBT001 - a parameter
) -> None:
    assert wants(accept, form) is csv_is_wanted
