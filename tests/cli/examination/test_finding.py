"""Findings."""

from __future__ import annotations

import pytest

from sluicegate.cli.examination.finding import skew


@pytest.mark.parametrize(
    ("theirs_s", "outcome", "seen"),
    [
        (0.0, "ok", "its clock is ours, within a second"),
        (-0.9, "ok", "its clock is ours, within a second"),
        (5.0, "warning", "its clock is 5.0 s ahead of ours"),
        (-59.9, "warning", "its clock is 59.9 s behind ours"),
        (61.0, "fault", "its clock is 61.0 s ahead of ours"),
    ],
)
def test_clocks_are_compared(theirs_s: float, outcome: str, seen: str) -> None:
    now_us = 1_800_000_000_000_000
    found = skew("store", now_us + int(theirs_s * 1e6), now_us, now_us, 60)
    assert (found.what, found.outcome, found.seen) == ("store", outcome, seen)


def test_an_answer_that_was_long_in_coming_says_nothing_of_the_clock() -> None:
    now_us = 1_700_000_000_000_000
    for theirs_us in (now_us, now_us + 5_000_000, now_us + 9_000_000):
        found = skew("store", theirs_us, now_us, now_us + 9_000_000, 3)
        assert found.outcome == "ok"
    assert skew("store", now_us - 2_000_000, now_us, now_us + 9_000_000, 3).outcome == "warning"
    assert skew("store", now_us + 13_000_000, now_us, now_us + 9_000_000, 3).outcome == "fault"
