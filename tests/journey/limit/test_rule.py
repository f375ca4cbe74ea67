"""Rules, and limits that consumers have of their own."""

from __future__ import annotations

from sluicegate.journey.limit import concurrency, rate_limit
from support.exchanges import parts
from support.mock_clock import MockClock


def test_a_consumer_that_names_another_rule_has_the_limits_of_everybody() -> None:
    made = parts(MockClock())
    rule = rate_limit.Policy(rate_limit.Config(allow=["1/second"], name="calls"), made).rules[0]
    assert rule.limits_of({"other": ["5/second"]}) is rule.limits


def test_own_limits_are_built_once_and_counted_under_the_same_labels() -> None:
    made = parts(MockClock())
    rule = rate_limit.Policy(rate_limit.Config(allow=["1/second"], name="calls"), made).rules[0]
    own = rule.limits_of({"calls": ["5/second"]})
    assert own is rule.limits_of({"calls": ["5/second"]})
    assert own.names == ["calls-5-second"]
    assert [one.label for one in own.group.limits] == [
        one.label for one in rule.limits.group.limits
    ]
    assert own.group.place == rule.limits.group.place


def test_only_whole_requests_are_remembered_as_refused() -> None:
    made = parts(MockClock())
    config = rate_limit.Config(allow=["9/second"], unit="bytes")
    assert not rate_limit.Policy(config, made).rules[0].remembers
    assert not concurrency.Policy(concurrency.Config(limit=1), made).rules[0].remembers
    shadow = rate_limit.Config(allow=["9/second"], shadow=True)
    assert not rate_limit.Policy(shadow, made).rules[0].remembers
    assert rate_limit.Policy(rate_limit.Config(allow=["9/second"]), made).rules[0].remembers
