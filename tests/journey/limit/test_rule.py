"""Rules, and limits that consumers have of their own."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from sluicegate.journey.limit import concurrency, rate_limit
from support.exchanges import counted, parts
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


@pytest.mark.parametrize(
    ("made_by", "own"),
    [
        ("rate_limit", ["nonsense"]),
        ("rate_limit", ["5/minute"]),
        ("rate_limit", ["5/second", "100/minute"]),
        ("concurrency", ["5/second"]),
        ("concurrency", ["5 concurrent", "6 concurrent"]),
    ],
)
def test_a_stored_consumers_limits_that_do_not_fit_any_more_leave_the_policys(
    made_by: str, own: list[str]
) -> None:
    made = parts(MockClock())
    policy: Any
    if made_by == "rate_limit":
        policy = rate_limit.Policy(rate_limit.Config(allow=["1/second"], name="calls"), made)
    else:
        policy = concurrency.Policy(concurrency.Config(limit=1, name="calls"), made)
    rule = policy.rules[0]
    with capture_logs() as logs:
        for _ in range(3):
            assert rule.limits_of({"calls": own}) is rule.limits
    assert [(log["limit"], log["own"]) for log in logs] == [("calls", own)]
    assert counted(made, "sluicegate_limit_own_unfit_total", "route:things") == 1
