from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sluicegate.journey.authorize.scope import Config, Policy
from sluicegate.model.units import convert
from support.exchanges import ClientSide, exchange, parts, run
from support.mock_clock import MockClock


def asked(config: dict[str, Any], *scopes: str) -> ClientSide:
    made = exchange()
    made.scopes = scopes
    return run(Policy(convert(config, Config), parts(MockClock())), made)


def test_every_scope_of_all_must_have_been_granted() -> None:
    config = {"all": ["orders:read", "orders:write"]}
    assert asked(config, "a", "orders:write", "orders:read").status == 200
    sent = asked(config, "orders:read")
    assert sent.status == 403
    assert sent.problem()["detail"] == "the key lacks the scope `orders:write`"
    assert sent.header("www-authenticate") == (
        'Bearer realm="sluicegate", error="insufficient_scope", scope="orders:read orders:write"'
    )


def test_one_scope_of_any_is_enough_and_none_is_not() -> None:
    config = {"any": ["a", "b"]}
    assert asked(config, "b").status == 200
    sent = asked(config, "ab", "A")
    assert sent.status == 403
    assert sent.problem()["detail"] == "the key has none of the scopes `a`, `b`"


def test_both_must_be_met() -> None:
    config = {"all": ["x"], "any": ["a", "b"]}
    assert asked(config, "x", "a").status == 200
    assert asked(config, "x").status == asked(config, "a").status == 403


def test_who_showed_no_key_was_granted_nothing() -> None:
    assert asked({"any": ["a"]}).status == 403


@pytest.mark.parametrize(
    ("config", "advice"),
    [({}, "no scope is named"), ({"all": ['a"b']}, "regex"), ({"any": ["a b"]}, "regex")],
)
def test_a_policy_that_asks_for_nothing_or_for_no_scope_is_refused(
    config: dict[str, Any], advice: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=advice):
        convert(config, Config)
