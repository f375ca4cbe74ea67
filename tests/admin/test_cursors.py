from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.admin.cursors import CURSOR, cursor, read_cursor
from sluicegate.admin.problems import Invalid

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(TEXT | st.none(), min_size=1, max_size=5))
def test_a_page_goes_on_where_it_has_ended(values: list[str | None]) -> None:
    text = cursor(values)
    assert re.match(CURSOR, text)
    assert read_cursor(text, len(values)) == tuple(values)


def test_a_list_begins_without_one() -> None:
    assert read_cursor("", 3) is None


@pytest.mark.parametrize("text", ["x", "WyJhIl0", "e30=", cursor(["a"]), cursor(["a", "\0"])])
def test_what_no_page_has_ended_with_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_cursor(text, 2)
