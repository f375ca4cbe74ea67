from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.upstream.models.retry import (
    ANOTHER,
    FALLBACK,
    FINAL,
    GIVE_UP,
    OF_THE_MODEL,
    PASSING,
    WAIT,
    Decision,
    retry_decision,
)
from support.model_pools import KINDS, failure


def decide(kind: str, retry_after_s: float | None = None, **given: Any) -> Decision:
    usual: dict[str, Any] = {
        "attempts": 1,
        "most": 3,
        "another": False,
        "fallback": False,
        "max_wait_s": 5.0,
        "left_s": 600.0,
        "chance": 0.0,
    }
    return retry_decision(failure(kind, retry_after_s), **(usual | given))


@pytest.mark.parametrize("kind", sorted(FINAL))
def test_a_request_that_is_at_fault_is_sent_nowhere_else(kind: str) -> None:
    assert decide(kind, another=True, fallback=True).action == GIVE_UP


@pytest.mark.parametrize("kind", sorted(OF_THE_MODEL))
def test_what_is_the_models_affair_goes_to_another_model_only(kind: str) -> None:
    assert decide(kind, another=True, fallback=True).action == FALLBACK
    assert decide(kind, another=True).action == GIVE_UP


@pytest.mark.parametrize("kind", sorted(set(KINDS) - FINAL - OF_THE_MODEL))
def test_everything_else_goes_to_another_deployment_first(kind: str) -> None:
    assert decide(kind, another=True).action == ANOTHER
    assert decide(kind, another=True, fallback=True).action == ANOTHER
    assert decide(kind, fallback=True).action == FALLBACK


def test_the_last_call_is_kept_for_another_model() -> None:
    assert decide("timeout", attempts=2, another=True, fallback=True).action == FALLBACK
    assert decide("timeout", attempts=2, another=True).action == ANOTHER


def test_enough_calls_are_enough() -> None:
    made = decide("timeout", attempts=3, another=True, fallback=True)
    assert (made.action, made.why) == (GIVE_UP, "attempts")


def test_where_nobody_else_is_left_retry_after_is_waited_for() -> None:
    made = decide("rate_limited", 4.5)
    assert (made.action, made.wait_s) == (WAIT, 4.5)
    assert decide("rate_limited", 0.0).wait_s == 0.0


def test_a_retry_after_that_is_too_long_goes_to_the_client() -> None:
    made = decide("rate_limited", 5.1)
    assert (made.action, made.why) == (GIVE_UP, "retry_after")
    made = decide("overloaded", 4.0, left_s=4.0)
    assert (made.action, made.why) == (GIVE_UP, "deadline")


def test_without_retry_after_waits_double_and_are_never_too_long() -> None:
    waits = [decide("overloaded", attempts=n, most=9).wait_s for n in (1, 2, 3, 4, 5)]
    assert waits == [0.5, 1.0, 2.0, 4.0, 5.0]
    assert decide("overloaded", attempts=8, most=9, max_wait_s=60.0).wait_s == 8.0
    assert decide("overloaded", chance=1.0).wait_s == 0.375


@pytest.mark.parametrize("kind", ["quota", "authentication", "not_found", "permission"])
def test_what_will_not_pass_is_not_waited_for(kind: str) -> None:
    assert kind not in PASSING
    assert decide(kind, 1.0).action == GIVE_UP


@given(
    kind=st.sampled_from(KINDS),
    retry_after_s=st.none() | st.floats(0, 1000),
    attempts=st.integers(1, 12),
    most=st.integers(1, 10),
    another=st.booleans(),
    fallback=st.booleans(),
    max_wait_s=st.floats(0, 100),
    left_s=st.floats(-1, 700),
    chance=st.floats(0, 1),
)
def test_nothing_is_tried_that_cannot_be_and_no_wait_is_beyond_its_bounds(
    kind: str, retry_after_s: float | None, **given: Any
) -> None:
    made = decide(kind, retry_after_s, **given)
    if made.action == GIVE_UP:
        assert made.why
        return
    assert given["attempts"] < given["most"]
    assert given["left_s"] > 0
    if made.action == ANOTHER:
        assert given["another"]
    elif made.action == FALLBACK:
        assert given["fallback"]
    else:
        assert not given["fallback"]
        assert 0 <= made.wait_s <= given["max_wait_s"]
        assert made.wait_s < given["left_s"]
