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
    found = skew("store", now_us + int(theirs_s * 1e6), now_us, 60)
    assert (found.what, found.outcome, found.seen) == ("store", outcome, seen)
