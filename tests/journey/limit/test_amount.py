"""Amounts: what operators write and what targets tell, as whole numbers."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.limit.amount import MOST, MOST_NANO, NANO, plain, read, told, write


@pytest.mark.parametrize(
    ("text", "unit", "amount"),
    [
        ("10", "requests", 10),
        ("-5", "requests", -5),
        ("512", "bytes", 512),
        ("10MiB", "bytes", 10 * 2**20),
        ("10MB", "bytes", 10**7),
        ("1000", "tokens", 1000),
        ("0.25", "usd", 250_000_000),
        ("3", "usd", 3 * NANO),
        ("0.000000001", "usd", 1),
        ("999999.999999999", "usd", MOST_NANO),
    ],
)
def test_every_unit_is_read_as_a_whole_number(text: str, unit: str, amount: int) -> None:
    assert read(text, unit) == amount


@pytest.mark.parametrize(
    ("text", "unit", "advice"),
    [
        ("ten", "requests", "`ten` is no amount of requests: write a whole number such as `10`"),
        ("1.5", "tokens", "write a whole number such as `1000`, or `unit: usd` beside it"),
        ("10MiB", "requests", "a whole number such as `10`, or `unit: bytes` beside it"),
        ("10 MiB!", "bytes", "write a size such as `512`, `64KiB` or `10MB`"),
        ("$1", "usd", "write dollars such as `0.25`"),
        ("1.", "usd", "write dollars such as `0.25`"),
        ("1e3", "usd", "write dollars such as `0.25`"),
        ("0.0000000001", "usd", "write at most nine decimals"),
        ("1000001", "usd", "write at most 999999.999999999"),
        ("1000000000001", "requests", "write at most 1000000000000"),
        ("1024GiB", "bytes", "is more than can be counted"),
        ("9" * 5000, "requests", "is no amount of requests"),
        ("٣", "requests", "is no amount of requests"),
    ],
)
def test_a_mistake_is_answered_with_what_to_write(text: str, unit: str, advice: str) -> None:
    with pytest.raises(ValueError, match=re.escape(advice)):
        read(text, unit)


@given(st.sampled_from(["requests", "bytes", "tokens", "usd"]), st.integers(1, MOST))
def test_what_is_written_reads_back_the_same(unit: str, amount: int) -> None:
    assert read(write(amount, unit), unit) == amount


@given(st.floats(1e-9, 1e5))
def test_a_number_out_of_yaml_is_written_without_an_exponent(value: float) -> None:
    assert Decimal(plain(value)) == Decimal(repr(value))
    assert "e" not in plain(value).lower()


def test_what_a_target_tells_is_rounded_up() -> None:
    assert told("0.0000000001", "usd") == 1
    assert told("0.25", "usd") == 250_000_000
    assert told("17", "tokens") == 17
    assert told("0", "tokens") == 0
    assert told("0." + "0" * 40 + "1", "usd") == 1


@pytest.mark.parametrize("text", ["1000000000001", "9" * 31, "9" * 5000, "00" + "9" * 16])
def test_what_is_more_than_can_be_counted_costs_the_most_that_can(text: str) -> None:
    assert told(text, "tokens") == MOST
    assert told(text, "usd") == MOST_NANO


def test_amounts_are_plain_numbers_whatever_unit_they_are_written_in() -> None:
    for text, unit in (("1MB", "bytes"), ("512", "bytes"), ("5", "requests"), ("0.5", "usd")):
        assert type(read(text, unit)) is int


@pytest.mark.parametrize("text", ["", "many", "-1", "1e9", "nan", "inf", "1.", ".5", "1,5", "1\n"])
def test_what_is_no_amount_tells_nothing(text: str) -> None:
    assert told(text, "usd") is None
    assert told(text, "tokens") is None
