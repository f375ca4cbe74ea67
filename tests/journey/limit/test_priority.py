"""`priority`: how important a request is, by its place and by what its caller asks."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from sluicegate.journey.limit.priority import Config, Level, Policy
from sluicegate.model.units import convert
from sluicegate.upstream.admission.queue import LEVELS
from support.exchanges import Pairs, exchange, parts, run
from support.mock_clock import MockClock


def policy(**settings: Any) -> Policy:
    return Policy(convert(settings, Config), parts(MockClock()))


def priority(headers: Pairs = (), **settings: Any) -> str:
    asked = exchange(headers=headers)
    assert run(policy(**settings), asked).status == 200
    return LEVELS[asked.priority]


def test_without_the_policy_a_request_is_normal() -> None:
    assert LEVELS[exchange().priority] == "normal"


def test_the_names_are_those_of_the_queue() -> None:
    assert get_args(Level) == LEVELS


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_is_that_of_each_request(level: str) -> None:
    assert priority(level=level) == level


@pytest.mark.parametrize(
    ("asks", "gets"),
    [
        ("low", "low"),
        ("normal", "normal"),
        ("high", "high"),
        ("critical", "high"),
        (" HIGH ", "high"),
        ("", "normal"),
        ("2", "normal"),
        ("urgent", "normal"),
        ("h\xefgh", "normal"),
    ],
)
def test_a_caller_may_lower_it_and_raise_it_as_far_as_is_allowed(asks: str, gets: str) -> None:
    settings = {"header": "X-Priority", "at_most": "high"}
    assert priority({"x-priority": asks}, **settings) == gets


def test_a_caller_may_only_lower_it_unless_more_is_allowed() -> None:
    assert priority({"x-priority": "critical"}, level="high", header="x-priority") == "high"
    assert priority({"x-priority": "low"}, level="high", header="x-priority") == "low"


def test_a_header_that_is_not_named_says_nothing() -> None:
    assert priority({"x-priority": "low"}) == "normal"
    assert priority(header="x-priority") == "normal"


def test_the_header_goes_on_to_the_service() -> None:
    asked = exchange(headers={"x-priority": "low"})
    run(policy(header="x-priority"), asked)
    assert asked.request.headers.get(b"x-priority") == b"low"


def test_the_last_of_several_holds() -> None:
    asked = exchange()
    run(policy(level="critical"), asked)
    run(policy(level="low"), asked)
    assert LEVELS[asked.priority] == "low"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"level": "urgent"}, "Invalid enum value 'urgent'"),
        ({"header": "x priority"}, "matching regex"),
        ({"at_most": "high"}, "name a header"),
        ({"level": "high", "header": "x-p", "at_most": "low"}, "less than `level: high`"),
    ],
)
def test_what_contradicts_itself_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        policy(**settings)
