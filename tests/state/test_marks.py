from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.state.marks import MOST, Marks

NOW = 1_700_000_000_000_000


def test_a_mark_lives_as_long_as_was_said() -> None:
    marks = Marks()
    marks.mark({"a": 1500}, NOW)
    assert marks.left_ms(["a", "b"], NOW) == [1500, 0]
    assert marks.left_ms(["a"], NOW + 1_499_001) == [1]
    assert marks.left_ms(["a"], NOW + 1_500_000) == [0]
    assert len(marks) == 0


def test_a_shorter_mark_changes_nothing_and_a_longer_one_does() -> None:
    marks = Marks()
    marks.mark({"a": 1000}, NOW)
    marks.mark({"a": 400, "b": 1}, NOW)
    assert marks.left_ms(["a"], NOW) == [1000]
    marks.mark({"a": 2000}, NOW)
    assert marks.left_ms(["a"], NOW) == [2000]


@given(st.integers(-5, 0))
def test_a_mark_of_no_life_is_none(life_ms: int) -> None:
    marks = Marks()
    marks.mark({"a": life_ms}, NOW)
    assert len(marks) == 0


def test_the_number_of_marks_is_bounded_and_the_oldest_goes_first() -> None:
    marks = Marks()
    marks.mark({f"over-{number}": 1 for number in range(10)}, NOW)
    marks.mark({f"{number}": 60_000 for number in range(MOST + 1)}, NOW + 1000)
    assert len(marks) == MOST
    assert marks.left_ms(["over-0", "0", "1", f"{MOST}"], NOW + 1000) == [0, 0, 60_000, 60_000]
