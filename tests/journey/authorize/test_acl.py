from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sluicegate.exchange import Exchange
from sluicegate.journey.authorize.acl import Config, Policy
from sluicegate.model.consumer import Consumer
from sluicegate.model.units import convert
from support.exchanges import exchange, parts, run
from support.mock_clock import MockClock


def policy(**config: Any) -> Policy:
    return Policy(convert(config, Config), parts(MockClock()))


def calling(name: str, team: str | None = None, plan: str | None = None) -> Exchange:
    made = exchange()
    made.consumer_name, made.consumer, made.plan = name, Consumer(team=team), plan
    return made


@pytest.mark.parametrize("allow", [{"consumers": ["ann"]}, {"teams": ["blue"]}, {"plans": ["pro"]}])
def test_who_is_in_one_of_the_lists_may_call_and_others_get_403(allow: dict[str, Any]) -> None:
    made = policy(allow=allow)
    assert run(made, calling("ann", "blue", "pro")).status == 200
    sent = run(made, calling("bob", "red", "free"))
    assert sent.status == 403
    assert sent.problem()["detail"] == "the caller may not call this route"


def test_any_of_the_lists_is_enough() -> None:
    made = policy(allow={"consumers": ["ann"], "teams": ["blue"], "plans": ["pro"]})
    for caller in (calling("ann"), calling("bob", "blue"), calling("cy", None, "pro")):
        assert run(made, caller).status == 200
    assert run(made, calling("blue", "pro", "ann")).status == 403


def test_deny_wins_over_allow() -> None:
    made = policy(allow={"teams": ["blue"]}, deny={"consumers": ["eve"], "plans": ["free"]})
    assert run(made, calling("ann", "blue", "pro")).status == 200
    assert run(made, calling("eve", "blue", "pro")).status == 403
    assert run(made, calling("ann", "blue", "free")).status == 403


def test_with_deny_alone_all_other_known_callers_may_call() -> None:
    made = policy(deny={"teams": ["red"]})
    assert run(made, calling("ann")).status == 200
    assert run(made, calling("bob", "red")).status == 403


@pytest.mark.parametrize("config", [{"allow": {"plans": ["pro"]}}, {"deny": {"teams": ["red"]}}])
def test_who_is_not_known_is_refused_with_403(config: dict[str, Any]) -> None:
    sent = run(policy(**config), exchange())
    assert sent.status == 403
    assert sent.problem()["detail"] == "only known callers may call this route"


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        ({}, "nobody is named"),
        ({"allow": {"teams": []}, "deny": {}}, "nobody is named"),
        ({"allow": {"team": ["a"]}}, "unknown field `team`"),
        ({"deny": {"consumers": [""]}}, "length >= 1"),
    ],
)
def test_a_policy_that_says_nothing_is_refused(config: dict[str, Any], advice: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=advice):
        convert(config, Config)
