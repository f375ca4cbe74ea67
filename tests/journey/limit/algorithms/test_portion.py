"""Parts of a whole number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.limit.algorithms.portion import portion


@given(st.integers(0, 10**12), st.integers(1, 200))
def test_parts_add_up_and_differ_by_at_most_one(whole: int, workers: int) -> None:
    parts = [portion(whole, workers, place) for place in range(workers)]
    assert sum(parts) == whole
    assert max(parts) - min(parts) <= 1
