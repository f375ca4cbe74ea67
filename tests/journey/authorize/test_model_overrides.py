from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from sluicegate.exchange import Exchange
from sluicegate.journey.authorize.model_overrides import Config, Policy
from sluicegate.llm.call import ModelCall, Overrides
from sluicegate.llm.endpoint import Endpoint
from sluicegate.model.units import convert
from support.exchanges import ClientSide, exchange, parts, run
from support.mock_clock import MockClock

EVERYTHING = {"allow": ["deployment", "timeout", "fallback"]}
POOL = cast("Any", SimpleNamespace(find={"openai/gpt-4o": object()}.get))


def policy(config: dict[str, Any]) -> Policy:
    return Policy(convert(config, Config), parts(MockClock()))


def call(**headers: str) -> Exchange:
    made = exchange(headers={f"sluicegate-{name}": value for name, value in headers.items()})
    made.call = ModelCall(Endpoint("call", "openai_chat"), "gpt-4o")
    made.call.pool = POOL
    return made


def overrides(made: Exchange, *configs: dict[str, Any]) -> Overrides:
    assert made.call is not None
    for config in configs or (EVERYTHING,):
        assert run(policy(config), made).status == 200
        made.response = None
    assert made.call.overrides is not None
    return made.call.overrides


def refused(made: Exchange, *configs: dict[str, Any]) -> ClientSide:
    for config in configs:
        made.response = None
        sent = run(policy(config), made)
    return sent


def test_a_caller_chooses_deployment_time_and_fallback_of_one_call() -> None:
    made = call(deployment="openai/gpt-4o", timeout="1500ms", fallback="off")
    said = overrides(made)
    assert (said.deployment, said.timeout_s, said.fallback) == ("openai/gpt-4o", 1.5, False)
    assert made.request.headers == []


def test_what_is_not_said_stays_as_it_is() -> None:
    said = overrides(call(fallback="On"))
    assert (said.deployment, said.timeout_s, said.fallback) == (None, None, True)
    quiet = call()
    assert run(policy(EVERYTHING), quiet).status == 200
    assert quiet.call is not None
    assert quiet.call.overrides is None


def test_a_time_without_a_unit_is_seconds() -> None:
    assert overrides(call(timeout="20")).timeout_s == 20.0


@pytest.mark.parametrize("name", EVERYTHING["allow"])
def test_a_header_that_is_not_allowed_is_named(name: str) -> None:
    config = {"allow": [other for other in EVERYTHING["allow"] if other != name]}
    value = {"deployment": "openai/gpt-4o", "timeout": "1s", "fallback": "off"}[name]
    sent = refused(call(**{name: value}), config)
    assert sent.status == 403
    assert sent.problem()["detail"] == f"the caller may not use the header `sluicegate-{name}`"


@pytest.mark.parametrize("name", EVERYTHING["allow"])
def test_where_several_policies_apply_all_must_allow_it(name: str) -> None:
    other = {"allow": [each for each in EVERYTHING["allow"] if each != name]}
    value = {"deployment": "openai/gpt-4o", "timeout": "1s", "fallback": "off"}[name]
    assert refused(call(**{name: value}), EVERYTHING, other).status == 403


def test_the_shortest_of_the_longest_times_holds() -> None:
    strict = {"allow": ["timeout"], "max_timeout": "10s"}
    assert overrides(call(timeout="10s"), EVERYTHING, strict).timeout_s == 10.0
    sent = refused(call(timeout="11s"), EVERYTHING, strict)
    assert sent.status == 400
    assert sent.problem()["detail"] == "`sluicegate-timeout`: expected at most `10s`"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("deployment", "openai/other", "the model has no such deployment"),
        ("timeout", "soon", "expected a time such as `20s`"),
        ("timeout", "0", "expected a time such as `20s`"),
        ("timeout", "-1", "expected a time such as `20s`"),
        ("timeout", "²", "expected a time such as `20s`"),
        ("timeout", "601s", "expected at most `10m`"),
        ("fallback", "claude", "expected `on` or `off`"),
    ],
)
def test_what_cannot_be_meant_is_told(name: str, value: str, told: str) -> None:
    sent = refused(call(**{name: value}), EVERYTHING)
    assert sent.status == 400
    assert sent.problem()["detail"] == f"`sluicegate-{name}`: {told}"


def test_a_pass_through_has_no_deployments() -> None:
    made = call(deployment="openai/gpt-4o")
    assert made.call is not None
    made.call.pool = None
    assert refused(made, EVERYTHING).status == 400


def test_requests_that_ask_for_no_model_pass_as_they_are() -> None:
    made = exchange(headers={"sluicegate-timeout": "1s"})
    assert run(policy({}), made).status == 200
    assert made.request.headers == [(b"sluicegate-timeout", b"1s")]
