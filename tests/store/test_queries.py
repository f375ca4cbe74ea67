"""What is asked: prefixes as ranges, texts that can be kept, and one statement for a key."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from sluicegate.store import queries

CHARACTERS = st.characters(exclude_categories=["Cs"])
TEXTS = st.text(CHARACTERS, max_size=6)


@given(st.text(CHARACTERS, min_size=1, max_size=4), TEXTS)
def test_what_begins_with_a_prefix_is_in_its_range_and_nothing_else_is(
    prefix: str, other: str
) -> None:
    end = queries.end_of_prefix(prefix).encode()
    for text in (prefix, prefix + other, other, prefix + "\U0010ffff", prefix[:-1] + other):
        inside = prefix.encode() <= text.encode() and (not end or text.encode() < end)
        assert inside == text.startswith(prefix)


def test_the_range_of_a_prefix_leaves_out_what_is_no_character() -> None:
    assert queries.end_of_prefix("a\ud7ff") == "a\ue000"
    assert queries.end_of_prefix("a\U0010ffff") == "b"
    assert queries.end_of_prefix("\U0010ffff") == ""


@given(st.text(max_size=8))
def test_a_text_can_be_kept_where_it_is_utf_8_without_nul(text: str) -> None:
    try:
        kept = b"\0" not in text.encode()
    except UnicodeEncodeError:
        kept = False
    assert queries.is_text(text) == kept


def test_a_key_is_asked_for_by_one_statement_with_nothing_but_parameters() -> None:
    for dialect in (sqlite.dialect(), postgresql.dialect()):
        asked = str(queries.key().compile(dialect=dialect))
        assert ";" not in asked
        assert "'" not in asked
        assert " JOIN " not in asked


def test_kinds_whose_tombstones_are_final_are_asked_for_in_their_own_order() -> None:
    asked = {kind: str(queries.head(kind, "x")) for kind in ("key", "route")}
    assert "content IS NULL DESC" in asked["key"]
    assert "content IS NULL" not in asked["route"]
