"""Stamps follow the clock, never go back behind what was seen, and never far ahead of the clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.store.contract import AHEAD_S, ClockBehind
from sluicegate.store.stamp import ahead_s, stamp_after
from support.mock_clock import EPOCH_US

NOW = (EPOCH_US // 1000) << 16
"""The stamp of a first revision at EPOCH_US."""
MS = 1 << 16


def test_a_first_revision_is_stamped_by_the_clock() -> None:
    assert stamp_after(0, EPOCH_US) == NOW


def test_what_follows_within_a_millisecond_counts_on() -> None:
    assert stamp_after(NOW, EPOCH_US + 999) == NOW + 1
    assert stamp_after(NOW + 1, EPOCH_US + 1000) == NOW + MS


@given(st.integers(0, AHEAD_S * 1000), st.integers(0, MS - 1))
def test_a_writer_whose_clock_is_behind_stamps_later_than_what_it_saw(ms: int, count: int) -> None:
    newest = NOW + ms * MS + count
    assert stamp_after(newest, EPOCH_US) == max(newest + 1, NOW)


def test_a_clock_more_than_a_minute_behind_writes_nothing() -> None:
    newest = NOW + AHEAD_S * 1000 * MS
    assert stamp_after(newest, EPOCH_US) == newest + 1
    with pytest.raises(ClockBehind, match="61 s ahead"):
        stamp_after(newest + 1000 * MS, EPOCH_US)


@given(st.lists(st.integers(-1_000_000, 1_000_000), max_size=40))
def test_stamps_of_a_name_always_grow(steps_us: list[int]) -> None:
    wall_us, newest = EPOCH_US, 0
    for step_us in steps_us:
        wall_us += step_us
        stamp = stamp_after(newest, wall_us)
        assert stamp > newest
        assert ahead_s(stamp, wall_us) <= AHEAD_S
        newest = stamp
