from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.snapshot.places import place_of, written

PLACES = st.lists(st.one_of(st.text(), st.integers(0, 99))).map(tuple)


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ((), ""),
        (("routes", "users", "policies", 0, "cors"), "routes.users.policies[0].cors"),
        (("routes", "a.b"), 'routes["a.b"]'),
        (("routes", ""), 'routes[""]'),
        ((0, 1, "x"), "[0][1].x"),
    ],
)
def test_a_place_is_written_dotted(place: tuple[str | int, ...], text: str) -> None:
    assert written(place) == text


@given(PLACES)
def test_every_place_reads_back(place: tuple[str | int, ...]) -> None:
    assert place_of(written(place)) == place


def test_reading_stops_where_a_text_makes_no_sense() -> None:
    assert place_of("routes.users[0] and more") == ("routes", "users", 0)
