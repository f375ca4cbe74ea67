from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sluicegate.journey.authorize.model_access import Config, Policy
from sluicegate.llm.call import ModelCall
from sluicegate.llm.endpoint import Endpoint
from sluicegate.model.units import convert
from support.exchanges import ClientSide, exchange, parts, run
from support.mock_clock import MockClock


def policy(config: dict[str, Any]) -> Policy:
    return Policy(convert(config, Config), parts(MockClock()))


def asked(config: dict[str, Any], model: str) -> ClientSide:
    made = exchange()
    made.call = ModelCall(Endpoint("call", "openai_chat"), model)
    return run(policy(config), made)


@pytest.mark.parametrize(
    ("config", "model", "status"),
    [
        ({"allow": ["gpt-*"]}, "gpt-4o", 200),
        ({"allow": ["gpt-*"]}, "claude", 403),
        ({"allow": ["gpt-4o"]}, "gpt-4o-mini", 403),
        ({"deny": ["*-preview"]}, "gpt-4o", 200),
        ({"deny": ["*-preview"]}, "o9-preview", 403),
        ({"allow": ["gpt-*"], "deny": ["gpt-4o"]}, "gpt-4o", 403),
        ({"allow": ["gpt-*"], "deny": ["gpt-4o"]}, "gpt-5", 200),
        ({"allow": ["proxy/openai"]}, "proxy/openai", 200),
        ({"allow": ["gpt-*"]}, "proxy/openai", 403),
    ],
)
def test_models_are_allowed_and_denied_by_the_name_that_was_asked_for(
    config: dict[str, Any], model: str, status: int
) -> None:
    sent = asked(config, model)
    assert sent.status == status
    if status == 403:
        said = f"the caller may not ask for the model `{model}`"
        assert sent.problem()["detail"] == said


def test_a_very_long_name_is_not_told_back_whole() -> None:
    assert len(asked({"allow": ["a"]}, "x" * 10_000).body) < 1000


def test_requests_that_ask_for_no_model_pass() -> None:
    assert run(policy({"allow": ["gpt-*"]}), exchange()).status == 200
    assert asked({"allow": ["gpt-*"]}, "").status == 200


def test_lists_of_models_are_told_which_may_be_seen() -> None:
    made = exchange()
    made.call = ModelCall(Endpoint("models", "openai_chat"), "")
    for config in ({"allow": ["gpt-*"]}, {"deny": ["gpt-5"]}):
        assert run(policy(config), made).status == 200
        made.response = None
    seen = [
        name
        for name in ("gpt-4o", "gpt-5", "claude")
        if all(allows(name) for allows in made.call.allows)
    ]
    assert seen == ["gpt-4o"]


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        ({}, "no model is named"),
        ({"allow": ["a*b"]}, "write one `\\*` at an end"),
        ({"deny": [""]}, "length >= 1"),
    ],
)
def test_what_names_no_model_or_none_that_can_be_read_is_refused(
    config: dict[str, Any], advice: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=advice):
        convert(config, Config)
