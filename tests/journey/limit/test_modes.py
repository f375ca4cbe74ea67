"""Modes: what counts a limit, under which label, and what a mode is not possible for."""

from __future__ import annotations

import re

import pytest

from sluicegate.journey.limit.algorithms.leased import Leased
from sluicegate.journey.limit.algorithms.regional_window import RegionalWindow
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket
from sluicegate.journey.limit.allow_notation import parse
from sluicegate.journey.limit.modes import Counting, Lease
from sluicegate.model.resource import FieldFault


def labels(counting: Counting, *texts: str, unit: str = "requests") -> list[str]:
    return [one.label for one in counting.limits([parse(text, unit) for text in texts])]


def test_a_label_says_the_kind_the_period_and_the_unit_and_no_number() -> None:
    texts = ["10/second burst 20", "500/minute", "9/hour sliding", "9/day log", "5/second delay 2s"]
    assert labels(Counting(), *texts) == [
        "bucket-1-requests",
        "fixed-60-requests",
        "sliding-3600-requests",
        "log-86400-requests",
        "leaky-1-requests",
    ]
    assert labels(Counting(), "1MiB/minute", unit="bytes") == ["fixed-60-bytes"]


def test_a_second_one_of_a_kind_has_a_label_of_its_own() -> None:
    texts = ["10/second burst 20", "20/second burst 30", "30/second burst 40"]
    assert labels(Counting(), *texts) == [
        "bucket-1-requests",
        "bucket-1-requests-2",
        "bucket-1-requests-3",
    ]


def test_modes_do_not_share_counts() -> None:
    assert labels(Counting("leased"), "500/minute", "9/minute burst 9") == [
        "leased-fixed-60-requests",
        "leased-bucket-60-requests",
    ]
    assert labels(Counting("eventual"), "500/minute") == ["regional-60-requests"]


@pytest.mark.parametrize(
    ("text", "percent", "cap"),
    [("1000/minute", 10, 100), ("10/second burst 20", 10, 2), ("5/minute", 10, 1)],
)
def test_a_lease_is_a_part_of_what_the_limit_holds_and_at_least_one(
    text: str, percent: int, cap: int
) -> None:
    (limit,) = Counting("leased", Lease(cap=percent)).limits([parse(text)])
    assert isinstance(limit.algorithm, Leased)
    assert limit.algorithm.cap == cap


def test_strict_leases_come_out_of_the_burst() -> None:
    strict = Counting("leased", Lease(cap=10, strict=True))
    (limit,) = strict.limits([parse("100/second burst 200")])
    assert isinstance(limit.algorithm, Leased)
    assert isinstance(limit.algorithm.inner, TokenBucket)
    assert limit.algorithm.inner.burst == 180


@pytest.mark.parametrize(
    ("regions", "cap"), [(1, 1000), (2, 750), (3, 500), (4, 375), (7, 215), (5000, 1)]
)
def test_regions_may_have_one_and_a_half_limits_between_them(regions: int, cap: int) -> None:
    (limit,) = Counting("eventual", regions=regions).limits([parse("1000/minute")])
    assert isinstance(limit.algorithm, RegionalWindow)
    assert limit.algorithm.numbers == (1000, 60_000_000, cap)


@pytest.mark.parametrize(
    ("counting", "text", "advice"),
    [
        (
            Counting("eventual"),
            "10/minute burst 20",
            "`10/minute burst 20`: regions add up whole windows: write `10/minute` without `burst`",
        ),
        (Counting("eventual"), "10/minute delay 2s", "write `10/minute` without `delay`"),
        (Counting("eventual"), "10/minute log", "write `10/minute` without `log`"),
        (Counting("eventual"), "10/minute sliding", "write `10/minute` without `sliding`"),
        (Counting("eventual"), "10/month", "write `day`, or `mode: exact`"),
        (Counting("eventual"), "10/second", "write minute, hour or day, or `mode: exact`"),
        (Counting("leased"), "10/minute log", "`log` needs every request: write `mode: exact`"),
        (Counting("leased"), "10/minute delay 2s", "`delay` needs every request"),
        (
            Counting("leased", Lease(strict=True)),
            "10/minute burst 1",
            "`strict` leaves nothing of it: write at least `burst 2`",
        ),
        (
            Counting("leased", Lease(strict=True)),
            "10/minute sliding",
            "a sliding window has no burst that `strict` could take from",
        ),
        (Counting(), "1001/minute log", "write at most 1000, or `sliding` in place of `log`"),
        (Counting(), "999983/day burst 1000000", "write at most 52124"),
    ],
)
def test_what_a_mode_cannot_count_is_refused_with_what_to_write(
    counting: Counting, text: str, advice: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(advice)):
        counting.limits([parse(text)])


@pytest.mark.parametrize(("mode", "amount"), [("exact", 7), ("leased", 7), ("eventual", 4)])
def test_callers_are_told_of_the_part_that_one_region_admits(mode: str, amount: int) -> None:
    counting = Counting(mode, regions=3)  # type: ignore[arg-type]  # out of a tuple
    allowance = parse("7/minute")
    (limit,) = counting.limits([allowance])
    assert counting.announced(allowance, limit).amount == amount


@pytest.mark.parametrize(
    ("counting", "unit", "advice"),
    [
        (Counting("eventual"), "usd", "money is never counted after the fact"),
        (Counting("leased"), "bytes", "with `unit: bytes` write `mode: exact`"),
        (Counting("leased"), "usd", "with `unit: usd` write `mode: exact`"),
    ],
)
def test_what_a_mode_cannot_count_of_a_unit_is_refused_too(
    counting: Counting, unit: str, advice: str
) -> None:
    with pytest.raises(FieldFault, match=re.escape(advice)) as caught:
        counting.check(unit)
    assert caught.value.part == ("mode",)


def test_every_other_unit_may_be_counted_in_every_mode() -> None:
    for mode, unit in (("exact", "usd"), ("eventual", "bytes"), ("leased", "requests")):
        Counting(mode).check(unit)  # type: ignore[arg-type]  # out of a tuple
