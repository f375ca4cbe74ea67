"""Terms: from what is written to a rule."""

from __future__ import annotations

import re

import pytest

from sluicegate.journey.limit.modes import Counting
from sluicegate.journey.limit.terms import Terms
from sluicegate.model.resource import FieldFault
from support.exchanges import exchange, parts
from support.mock_clock import MockClock


def test_a_rule_names_its_limits_for_headers_details_and_keys() -> None:
    terms = Terms(["10/second burst 20", "500/minute"], "consumer", "api")
    rule = terms.rule(parts(MockClock(), "plan:free"), lambda _: "ann")
    limits = rule.limits
    assert rule.name == "api"
    assert limits.group.place == "api;consumer;requests;plan:free"
    assert limits.names == ["api-10-second-burst-20", "api-500-minute"]
    assert limits.texts == ["10/second burst 20", "500/minute"]
    assert limits.policy == (
        b"ratelimit-policy",
        b'"api-10-second-burst-20";q=10;w=1;burst=20, "api-500-minute";q=500;w=60',
    )
    assert rule.subject(exchange()) == "ann"


def test_limits_of_a_consumer_share_the_counts_of_those_they_stand_in_for() -> None:
    rule = Terms(["10/second burst 20", "500/minute"], "consumer", "api").rule(
        parts(MockClock()), lambda _: "ann"
    )
    own = rule.limits_of({"api": ["20/second burst 40", "900/minute"]})
    assert own.group.place == rule.limits.group.place
    assert [one.label for one in own.group.limits] == [
        one.label for one in rule.limits.group.limits
    ]
    assert own.names == ["api-20-second-burst-40", "api-900-minute"]
    assert rule.limits_of({"other": ["1/day"]}) is rule.limits
    assert rule.limits_of({"api": ["20/second burst 40", "900/minute"]}) is own


def test_what_differs_in_name_subject_or_unit_counts_apart() -> None:
    made = [
        Terms(["1/day"], "consumer"),
        Terms(["1/day"], "consumer", "a"),
        Terms(["1/day"], "ip"),
        Terms(["1/day"], "consumer", unit="bytes"),
        Terms(["1/day"], "consumer,ip"),
    ]
    assert len({terms.identity for terms in made}) == len(made)


def test_only_leased_limits_have_leases() -> None:
    given = parts(MockClock())
    exact = Terms(["1/day"], "ip").rule(given, lambda _: "a")
    leased = Terms(["1/day"], "ip", counting=Counting("leased")).rule(given, lambda _: "a")
    assert exact.limits.leases is None
    assert leased.limits.leases is not None


@pytest.mark.parametrize(
    ("allow", "part", "advice"),
    [
        (["1/second", "0/minute"], ("allow", 1), "write at least `1/minute`"),
        (["1/second", " 1 / second"], ("allow", 1), "is there more than once: write it once"),
        (["1/second burst 1", "1001/day log"], ("allow", 1), "write at most 1000"),
    ],
)
def test_the_allowance_at_fault_is_named_by_its_place(
    allow: list[str], part: tuple[str | int, ...], advice: str
) -> None:
    with pytest.raises(FieldFault, match=re.escape(advice)) as caught:
        Terms(allow, "ip").check()
    assert caught.value.part == part


@pytest.mark.parametrize(
    ("own", "part", "advice"),
    [
        (["1/second", "0/minute"], (1,), "write at least `1/minute`"),
        (["1/second"], (), "found 1; expected one for each of `5/second`, `9/minute`"),
        (["1MiB/second", "1/minute"], (0,), "is no amount of requests"),
        (
            ["2/second delay 3s", "9/minute"],
            (0,),
            "`2/second delay 3s` cannot go on with what `5/second` counted: write `<amount>/second",
        ),
        (["5/second", "9/hour"], (1,), "write `<amount>/minute`"),
        (["9/minute", "5/second"], (0,), "write `<amount>/second`"),
    ],
)
def test_limits_of_a_consumer_are_as_many_and_of_the_same_unit_kind_and_period(
    own: list[str], part: tuple[str | int, ...], advice: str
) -> None:
    with pytest.raises(FieldFault, match=re.escape(advice)) as caught:
        Terms(["5/second", "9/minute"], "ip").check_own(own)
    assert caught.value.part == part


@pytest.mark.parametrize(
    ("usual", "form"),
    [
        ("5/second sliding", "<amount>/second sliding"),
        ("5/day log", "<amount>/day log"),
        ("5/hour burst 9", "<amount>/hour burst <amount>"),
        ("5/minute delay 2s", "<amount>/minute delay <duration>"),
    ],
)
def test_a_consumer_is_told_the_form_that_goes_on_with_the_counts(usual: str, form: str) -> None:
    with pytest.raises(FieldFault, match=re.escape(f"counted: write `{form}`")):
        Terms([usual], "ip").check_own(["5/day"])


def test_what_has_no_name_is_called_by_what_it_is_unless_it_is_named() -> None:
    unnamed = Terms(["1/day"], "ip", unnamed="ip_rate").rule(parts(MockClock()), lambda _: "a")
    named = Terms(["1/day"], "ip", "n", unnamed="ip_rate").rule(parts(MockClock()), lambda _: "a")
    assert unnamed.limits.names == ["ip_rate-1-day"]
    assert named.limits.names == ["n-1-day"]


def test_a_region_announces_what_it_admits_itself() -> None:
    terms = Terms(["7/minute"], "ip", counting=Counting("eventual", regions=3))
    limits = terms.rule(parts(MockClock()), lambda _: "a").limits
    assert limits.group.limits[0].algorithm.limit == 4
    assert limits.policy == (b"ratelimit-policy", b'"7-minute";q=4;w=60')
