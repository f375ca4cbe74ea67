from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.model.ledger import Entry
from sluicegate.store.ledger_rows import COLUMNS, FIELDS, row_of
from sluicegate.store.queries import is_text
from sluicegate.store.tables import ledger


def test_an_entry_has_the_fields_that_the_table_has_columns() -> None:
    assert set(FIELDS) == set(ledger.columns.keys())
    assert [column.name for column in COLUMNS] == list(FIELDS)


@given(st.text(st.characters(codec=None), max_size=700), st.integers(-(2**70), 2**70))
def test_whatever_was_said_fits_into_a_row(text: str, number: int) -> None:
    entry = Entry(id=text, asked=text, at_us=number, input=number, cost=number, status=number)
    row = dict(zip(FIELDS, row_of(entry), strict=True))
    assert is_text(row["asked"])
    assert len(row["asked"]) <= 500
    assert 0 <= row["at_us"] < 2**63
    assert 0 <= row["cost"] < 2**63
    assert 0 <= row["status"] < 2**31


def test_what_nobody_knows_stays_unknown() -> None:
    row = dict(zip(FIELDS, row_of(Entry(id="a", cost=None)), strict=True))
    assert row["cost"] is row["consumer"] is None
    assert row["estimated"] is False
