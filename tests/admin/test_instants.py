from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.admin.instants import instant, micros


@given(st.integers(0, 4_000_000_000_000_000))
def test_no_microsecond_is_lost(at_us: int) -> None:
    assert micros(instant(at_us)) == at_us


def test_an_instant_is_in_utc() -> None:
    assert instant(1_700_000_000_000_001) == datetime(2023, 11, 14, 22, 13, 20, 1, tzinfo=UTC)
