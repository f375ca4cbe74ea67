"""The notation of allowances: what is read, and what the answer to a mistake is."""

from __future__ import annotations

import re

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.leaky_bucket import LeakyBucket
from sluicegate.journey.limit.algorithms.sliding_log import SlidingLog
from sluicegate.journey.limit.algorithms.sliding_window import SlidingWindow
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket
from sluicegate.journey.limit.allow_notation import PERIODS_S, Allowance, parse, parse_concurrent
from sluicegate.model.units import Duration

MINUTE_US = 60_000_000


def test_a_count_and_a_period_make_a_fixed_window() -> None:
    assert parse("500/minute") == Allowance(500, "minute")
    counted = parse("500/minute").algorithm()
    assert isinstance(counted, FixedWindow)
    assert (counted.limit, counted.period_us) == (500, MINUTE_US)


def test_a_burst_makes_a_token_bucket() -> None:
    counted = parse("10/second burst 20").algorithm()
    assert isinstance(counted, TokenBucket)
    assert (counted.rate, counted.period_us, counted.burst) == (10, 1_000_000, 20)


def test_sliding_log_and_delay_make_the_others() -> None:
    assert isinstance(parse("500/minute sliding").algorithm(), SlidingWindow)
    assert isinstance(parse("500/minute log").algorithm(), SlidingLog)
    leaky = parse("5/second delay 1500ms")
    assert isinstance(leaky.algorithm(), LeakyBucket)
    assert leaky.delay == Duration(1.5)


def test_spaces_do_not_matter() -> None:
    assert parse(" 10 / second  burst  20 ") == parse("10/second burst 20")


@pytest.mark.parametrize(
    ("text", "unit", "name", "policy", "said"),
    [
        ("10000/day", "requests", "10000-day", "q=10000;w=86400", "10000/day"),
        (
            "10/second burst 20",
            "requests",
            "10-second-burst-20",
            "q=10;w=1;burst=20",
            "10/second burst 20",
        ),
        ("5/second delay 2s", "requests", "5-second-delay-2s", "q=5;w=1", "5/second delay 2s"),
        ("9/hour sliding", "requests", "9-hour-sliding", "q=9;w=3600", "9/hour sliding"),
        (
            "10MiB/second",
            "bytes",
            "10MiB-second",
            'q=10485760;w=1;qu="content-bytes"',
            "10MiB/second",
        ),
        ("9/hour", "tokens", "9-hour-tokens", 'q=9;w=3600;qu="tokens"', "9 tokens/hour"),
        (
            "0.25/minute",
            "usd",
            "0.25-minute-usd",
            'q=250000000;w=60;qu="nano-usd"',
            "0.25 USD/minute",
        ),
    ],
)
def test_names_and_parameters_are_fit_for_headers(
    text: str, unit: str, name: str, policy: str, said: str
) -> None:
    read = parse(text, unit)
    assert (read.name, read.policy, read.text) == (name, policy, said)


@pytest.mark.parametrize("unit", ["requests", "bytes", "tokens", "usd"])
@pytest.mark.parametrize("tail", ["", " sliding", " log", " burst 20", " delay 90m"])
def test_what_headers_say_is_a_structured_field(tail: str, unit: str) -> None:
    read = parse(f"10/hour{tail}", unit)
    parsed = http_sf.parse(f'"{read.name}";{read.policy}'.encode(), tltype="list")
    ((name, parameters),) = parsed
    assert name == read.name
    assert (parameters["q"], parameters["w"]) == (read.amount, 3600)
    assert parameters.get("burst", 0) == read.burst
    assert ("qu" in parameters) == (unit != "requests")


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("0/second", "`0/second` never admits anything: write at least `1/second`"),
        ("-5/minute", "write at least `1/minute`"),
        ("10/second burst 0", "write at least `burst 1`"),
        ("10/sec", "`sec` in `10/sec` is not a period: write second, minute, hour, day or month"),
        ("10/seconds", "write second, minute, hour, day or month"),
        ("10 per second", "write `10/second`"),
        ("10/second burst", "`10/second burst 20` for a bucket"),
        ("10/second, burst 20", "write second, minute, hour, day or month"),
        ("10/second sliding 5", "is not an allowance: write `10/second`"),
        ("10/second bursts 20", "is not an allowance: write `10/second`"),
        ("10/second delay 2", "expected a duration such as `250ms`"),
        ("10/second delay 0", "lets nothing wait: write `burst 1`"),
        ("10 apples/second", "is not an allowance"),
        ("10apples/second", "`10apples` is no amount of requests: write a whole number"),
        ("10MiB/second", "or `unit: bytes` beside it"),
        ("0.5/second", "or `unit: usd` beside it"),
        ("1_000/hour", "is no amount of requests"),
        ("1e3/hour", "is no amount of requests"),
        ("", "write `10/second`"),
        ("9999999999999/day", "write at most 1000000000000"),
        ("10/second\n", "is not a period"),
        ("10/month sliding", "a month is a whole one: write `10/month` alone"),
        ("10/month burst 20", "a month is a whole one: write `10/month` alone"),
    ],
)
def test_a_mistake_is_answered_with_what_to_write(text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=re.escape(advice)):
        parse(text)


def test_the_advice_is_in_the_unit_that_is_counted() -> None:
    with pytest.raises(ValueError, match=re.escape("write `1MiB/second`")):
        parse("lots", "bytes")
    with pytest.raises(ValueError, match=re.escape("at least `0.000000001/day`")):
        parse("0/day", "usd")


def test_a_month_is_that_of_the_calendar() -> None:
    allowance = parse("10000/month")
    assert allowance.name == "10000-month"
    assert allowance.policy == "q=10000;w=2678400"
    assert allowance.algorithm().numbers == (10000, 0)


SHORTER = st.sampled_from(sorted(set(PERIODS_S) - {"month"}))


@given(
    st.sampled_from(["requests", "bytes", "tokens", "usd"]).flatmap(
        lambda unit: st.one_of(
            st.builds(
                Allowance,
                st.integers(1, 10**12),
                st.sampled_from(sorted(PERIODS_S)),
                st.just("fixed"),
                unit=st.just(unit),
            ),
            st.builds(
                Allowance,
                st.integers(1, 10**12),
                SHORTER,
                st.sampled_from(["sliding", "log"]),
                unit=st.just(unit),
            ),
            st.builds(
                Allowance,
                st.integers(1, 10**12),
                SHORTER,
                st.just("bucket"),
                burst=st.integers(1, 10**12),
                unit=st.just(unit),
            ),
            st.builds(
                Allowance,
                st.integers(1, 10**12),
                SHORTER,
                st.just("leaky"),
                delay=st.integers(1, 10**12).map(lambda us: Duration(us / 10**6)),
                unit=st.just(unit),
            ),
        )
    )
)
def test_what_is_written_reads_back_the_same(allowance: Allowance) -> None:
    assert parse(str(allowance), allowance.unit) == allowance


@given(
    st.text(alphabet="0123456789/. -secondminutehourdaymonthburstlgK\n_٣", max_size=30),
    st.sampled_from(["requests", "bytes", "tokens", "usd"]),
)
def test_no_text_does_anything_but_read_or_raise_valueerror(text: str, unit: str) -> None:
    try:
        allowance = parse(text, unit)
    except ValueError:
        return
    assert str(allowance).isascii()
    assert allowance.amount > 0


def test_what_is_under_way_at_once_has_a_form_too() -> None:
    assert parse_concurrent(" 20 concurrent ") == 20


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("20", "write `10 concurrent`"),
        ("20/second", "write `10 concurrent`"),
        ("0 concurrent", "write at least `1 concurrent`"),
        ("1000001 concurrent", "write at most `1000000 concurrent`"),
    ],
)
def test_a_mistake_in_it_is_answered_too(text: str, advice: str) -> None:
    with pytest.raises(ValueError, match=re.escape(advice)):
        parse_concurrent(text)
