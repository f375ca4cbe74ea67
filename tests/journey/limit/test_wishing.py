"""One rule of one request."""

from __future__ import annotations

from sluicegate.journey.limit.rate_limit import Config, Policy
from sluicegate.journey.limit.wishing import Wish, share_out
from sluicegate.state.contract import Ask, Outcome
from support.exchanges import parts
from support.mock_clock import MockClock


def wish(*allow: str, shadow: bool = False) -> Wish:
    [rule] = Policy(Config(allow=list(allow), shadow=shadow), parts(MockClock())).rules
    return Wish(rule, rule.limits, Ask(rule.limits.group, "=ann"))


def outcome(*, admitted: bool) -> Outcome:
    return Outcome(admitted, 10, 1, 1, 0 if admitted else 5)


def test_outcomes_go_to_the_wishes_whose_limits_they_are_of() -> None:
    first, second = wish("1/second", "5/minute"), wish("1/hour")
    said = [outcome(admitted=True), outcome(admitted=False), outcome(admitted=True)]
    share_out([first, second], said)
    assert first.outcomes == said[:2]
    assert second.outcomes == said[2:]
    assert first.refused
    assert not second.refused


def test_a_refusal_lasts_unless_it_was_degraded() -> None:
    asked = wish("1/second")
    assert asked.lasts
    asked.degraded = "share"
    assert not asked.lasts


def test_a_rule_in_shadow_is_not_remembered() -> None:
    assert not wish("1/second", shadow=True).lasts
