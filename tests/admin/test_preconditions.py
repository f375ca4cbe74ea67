from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.admin.preconditions import etag, precondition


def test_without_headers_anything_may_be_there() -> None:
    wanted = precondition(None)
    assert not wanted.given
    assert wanted.holds(None)
    assert wanted.holds("r1")


@pytest.mark.parametrize("header", ['"r1"', ' "r1" ', '"r0", "r1"', '"r0","r1"', 'W/"r0", "r1"'])
def test_a_tag_of_the_newest_revision_matches(header: str) -> None:
    assert precondition(header).holds("r1")


@pytest.mark.parametrize("header", ['"r2"', 'W/"r1"', "r1", '"r1', "", '"*"', '"r1" x', '""'])
def test_anything_else_does_not(header: str) -> None:
    wanted = precondition(header)
    assert wanted.given
    assert not wanted.holds("r1")


def test_no_tag_matches_what_is_not_there() -> None:
    assert not precondition('"r1"').holds(None)
    assert not precondition("*").holds(None)
    assert precondition("*").holds("r1")


def test_if_none_match_star_wants_nothing_there() -> None:
    wanted = precondition(None, "*")
    assert wanted.given
    assert wanted.holds(None)
    assert not wanted.holds("r1")


def test_another_if_none_match_means_nothing_for_a_write() -> None:
    assert not precondition(None, '"r1"').given


@given(revision=st.uuids().map(str), text=st.text(max_size=40))
def test_a_tag_matches_what_it_was_made_of_and_no_text_breaks_reading(
    revision: str, text: str
) -> None:
    assert precondition(etag(revision)).holds(revision)
    assert not precondition(text).holds(revision) or text.strip() == "*"
