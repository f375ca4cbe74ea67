from __future__ import annotations

import pytest

from sluicegate.journey.record.pattern_bound import LONGEST, bounded


@pytest.mark.parametrize(
    "written",
    [
        "ACME-[0-9]{6}",
        r"\bcust_[a-z0-9]+",
        r"(?i)order no\. ?\d{1,10}",
        r"[A-Z]{1,10}-\d{1,10}",
        "(?:red|green|blue) team",
        r"(?<=id: )\w{3,30}",
        r"\d{3}(?:-\d{4})?",
        r"(?>ab)c++",
        ".*b",
        r"password: .{1,200}",
        r"sk-[a-z0-9]{20,500}[.]",
    ],
)
def test_an_expression_with_few_ways_to_match_is_taken(written: str) -> None:
    assert bounded(written).pattern == written


@pytest.mark.parametrize(
    "written",
    [
        "(a+)+b",
        "(a|a)*b",
        "(a?b){20}c",
        "a*a*a*b",
        r"\w+@\w+",
        r"(\w+) \1",
        "(?:a{1,50}){1,50}",
        "[a-z]{1,40}[a-z0-9]{1,40}",
        "x(?:(?:aa|bb)c)*",
        "[^b]{0,1000}[^b]{500}b",
        "(?i)[a-z]{1,1000}x{200}y",
        "(?:a|b).{0,500}.{900}c",
        "(?:(?:a{30}){30}){30}b",
    ],
)
def test_an_expression_that_may_take_long_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="may take"):
        bounded(written)


@pytest.mark.parametrize("written", ["", "a*", "x?", "(?:)", r"\b"])
def test_an_expression_that_matches_nothing_at_all_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        bounded(written)


@pytest.mark.parametrize("written", ["(", "[a", "*", "a{2,1}", "(?P<n>a)(?P=x)"])
def test_what_is_no_expression_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="regular expression"):
        bounded(written)


def test_a_long_expression_is_refused() -> None:
    bounded("a" * LONGEST)
    with pytest.raises(ValueError, match="longer"):
        bounded("a" * (LONGEST + 1))
