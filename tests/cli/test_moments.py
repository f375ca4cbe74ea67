"""Moments."""

from __future__ import annotations

import pytest

from sluicegate.cli.exits import CommandFailed, Exit
from sluicegate.cli.moments import moment, past
from support.mock_clock import MockClock

CLOCK = MockClock(wall_us=1_800_000_000_500_000)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (None, None),
        ("2027-01-31T00:00:00Z", "2027-01-31T00:00:00Z"),
        ("2027-01-31T02:00:00+02:00", "2027-01-31T00:00:00Z"),
        ("90d", "2027-04-15T08:00:00Z"),
        ("1h", "2027-01-15T09:00:00Z"),
    ],
)
def test_a_moment_is_written_out_or_counted_from_now(text: str | None, read: str | None) -> None:
    assert moment(text, CLOCK) == read


@pytest.mark.parametrize("text", ["tomorrow", "2027-01-31", "2027-01-31T00:00:00", "90", ""])
def test_anything_else_is_misuse(text: str) -> None:
    with pytest.raises(CommandFailed, match="expected a moment with its zone") as caught:
        moment(text, CLOCK)
    assert caught.value.status is Exit.USAGE


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (None, None),
        ("2027-01-31", "2027-01-31T00:00:00Z"),
        ("2027-01-31T02:00:00+02:00", "2027-01-31T00:00:00Z"),
        ("1h", "2027-01-15T07:00:00Z"),
        ("0", "2027-01-15T08:00:00Z"),
    ],
)
def test_a_moment_in_the_past_is_a_day_or_how_long_ago(text: str | None, read: str | None) -> None:
    assert past(text, CLOCK) == read


@pytest.mark.parametrize("text", ["yesterday", "2027-02-30", "2027-01-31T00:00:00", ""])
def test_no_moment_in_the_past_is_misuse(text: str) -> None:
    with pytest.raises(CommandFailed, match="expected a day") as caught:
        past(text, CLOCK)
    assert caught.value.status is Exit.USAGE
