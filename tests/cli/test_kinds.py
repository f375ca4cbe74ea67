"""Kinds and their paths."""

from __future__ import annotations

from typing import get_args
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.admin.representation import SECTIONS as API_SECTIONS
from sluicegate.cli.kinds import SECTIONS, Audited, Recorded, Versioned, path_of
from sluicegate.snapshot.stored import PLURALS


def test_kinds_are_called_as_the_api_calls_them() -> None:
    assert PLURALS == API_SECTIONS
    assert set(get_args(Audited)) == set(PLURALS)
    assert set(get_args(Recorded)) == set(PLURALS) - {"token"}
    assert {PLURALS[kind] for kind in get_args(Versioned)} == set(SECTIONS)


@given(st.text(min_size=1))
def test_a_name_is_one_segment_whatever_it_holds(name: str) -> None:
    head, _, segment = path_of("route", name).rpartition("/")
    assert head == "/routes"
    assert unquote(segment) == name


def test_what_there_is_one_of_has_no_name() -> None:
    assert path_of("policies") == "/policies"
