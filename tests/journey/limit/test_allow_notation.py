"""The notation of allowances: what is read, and what the answer to a mistake is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket
from sluicegate.journey.limit.allow_notation import PERIODS_S, Allowance, parse


def test_a_count_and_a_period_make_a_fixed_window() -> None:
    assert parse("500/minute") == Allowance(500, "minute", None)
    counted = parse("500/minute").algorithm()
    assert isinstance(counted, FixedWindow)
    assert (counted.limit, counted.period_us) == (500, 60_000_000)


def test_a_burst_makes_a_token_bucket() -> None:
    counted = parse("10/second burst 20").algorithm()
    assert isinstance(counted, TokenBucket)
    assert (counted.rate, counted.period_us, counted.burst) == (10, 1_000_000, 20)


def test_spaces_do_not_matter_and_names_are_fit_for_headers() -> None:
    assert parse(" 10 / second  burst  20 ") == parse("10/second burst 20")
    assert parse("10/second burst 20").name == "10-second-burst-20"
    assert parse("10000/day").name == "10000-day"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("0/second", "write at least `1/second`"),
        ("-5/minute", "write at least `1/minute`"),
        ("10/second burst 0", "write at least `burst 1`"),
        ("10/sec", "`sec` in `10/sec` is not a period: write second, minute, hour or day"),
        ("10/seconds", "write second, minute, hour or day"),
        ("10 per second", "write `10/second`"),
        ("10/second burst", "write `10/second`"),
        ("10/second, burst 20", "write second, minute, hour or day"),
        ("1_000/hour", "write `10/second`"),
        ("1e3/hour", "write `10/second`"),
        ("", "write `10/second`"),
        ("9999999999999/day", "write at most 1000000000000"),
    ],
)
def test_a_mistake_is_answered_with_what_to_write(text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=re.escape(advice)):
        parse(text)


@given(
    st.builds(
        Allowance,
        st.integers(1, 10**12),
        st.sampled_from(sorted(PERIODS_S)),
        st.none() | st.integers(1, 10**12),
    )
)
def test_what_is_written_reads_back_the_same(allowance: Allowance) -> None:
    assert parse(str(allowance)) == allowance


@given(st.text(alphabet="0123456789/ -secondminutehourdayburst\n_٣", max_size=30))
def test_no_text_does_anything_but_read_or_raise_valueerror(text: str) -> None:
    try:
        allowance = parse(text)
    except ValueError:
        return
    assert str(allowance).replace(" ", "").isascii()
    assert allowance.count > 0
