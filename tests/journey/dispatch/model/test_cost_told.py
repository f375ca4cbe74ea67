"""What callers are told of what a call cost."""

from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.exchange import Exchange, Response
from sluicegate.headers import Headers
from sluicegate.journey.dispatch.model.cost_told import (
    READ_COMMENTS,
    cost_headers,
    last_comment,
    overhead_ms,
    usd,
)
from sluicegate.llm.call import Charge, ModelCall
from sluicegate.llm.canonical import Usage
from sluicegate.llm.endpoint import endpoint_of
from support.exchanges import exchange
from support.mock_clock import MockClock

FIRST = Usage(input=100, output=1, estimated=True)
SECOND = Usage(input=12, output=9, cached=4, reasoning=2)


def called(*charges: Charge) -> tuple[Exchange, ModelCall, MockClock]:
    clock = MockClock()
    asked = exchange("POST", clock=clock)
    endpoint = endpoint_of("/v1/chat/completions", None, Headers(), "POST")
    assert endpoint is not None
    call = ModelCall(endpoint, "fast")
    call.alias, call.provider, call.deployment = "fast", "vendor", "vendor/fast-1"
    call.charges += charges
    asked.attempts = 2
    return asked, call, clock


@given(st.integers(0, 10**15))
def test_dollars_are_written_exactly(nano: int) -> None:
    assert Decimal(usd(nano)) * 10**9 == nano
    assert "e" not in usd(nano).lower()


def test_a_whole_answer_has_its_cost_in_headers() -> None:
    asked, call, clock = called(Charge(SECOND, 12_345))
    clock.advance(0.25)
    call.waited_s = 0.2
    told = dict(cost_headers(asked, call, litellm=False))
    assert told == {
        b"sluicegate-tokens": b"input=12, output=9, cached=4, reasoning=2",
        b"sluicegate-cost": b"0.000012345",
        b"sluicegate-overhead-ms": b"50.000",
    }


def test_all_attempts_are_told_together_and_what_was_estimated_is_said() -> None:
    asked, call, _ = called(Charge(FIRST, 5), Charge(SECOND, 7))
    told = dict(cost_headers(asked, call, litellm=False))
    assert told[b"sluicegate-tokens"].endswith(
        b"input=112, output=10, cached=4, reasoning=2, estimated"
    )
    assert told[b"sluicegate-cost"] == b"0.000000012"


def test_a_price_that_nobody_knows_is_not_told_as_nothing() -> None:
    asked, call, _ = called(Charge(FIRST, None), Charge(SECOND, 7))
    told = dict(cost_headers(asked, call, litellm=True))
    assert b"sluicegate-cost" not in told
    assert b"x-litellm-response-cost" not in told
    assert "cost" not in comment(asked, call)


def test_litellms_names_are_there_where_they_are_wanted() -> None:
    asked, call, clock = called(Charge(SECOND, 1_500_000_000))
    clock.advance(0.5)
    told = dict(cost_headers(asked, call, litellm=True))
    assert told[b"x-litellm-response-cost"] == b"1.5"
    assert told[b"x-litellm-model-id"] == b"vendor/fast-1"
    assert told[b"x-litellm-model-group"] == b"fast"
    assert told[b"x-litellm-attempted-retries"] == b"1"
    assert told[b"x-litellm-response-duration-ms"] == b"500.000"
    assert told[b"x-litellm-call-id"] == b"request-1"


def comment(asked: Exchange, call: ModelCall) -> dict[str, object]:
    asked.call = call
    asked.response = Response(200, Headers([(b"content-type", b"text/event-stream")]), None)
    raw = last_comment(asked)
    assert raw.startswith(b": sluicegate {")
    assert raw.endswith(b"\n\n")
    assert raw.count(b"\n") == 2
    said: dict[str, object] = json.loads(raw.removeprefix(b": sluicegate "))
    return said


def test_a_stream_ends_with_a_comment_that_says_the_same() -> None:
    asked, call, clock = called(Charge(SECOND, 12_345))
    clock.advance(0.25)
    call.first_token_at = clock.monotonic()
    clock.advance(3)
    call.waited_s = 0.2
    assert comment(asked, call) == {
        "model": "fast",
        "provider": "vendor",
        "attempts": 2,
        "overhead_ms": 50.0,
        "input": 12,
        "output": 9,
        "cached": 4,
        "estimated": False,
        "cost": "0.000012345",
    }


def test_google_sdks_get_no_comment_for_they_take_it_for_data() -> None:
    assert "gemini_generate" not in READ_COMMENTS


def test_a_failure_that_is_no_stream_has_no_comment() -> None:
    asked, _, _ = called()
    asked.response = Response(503, Headers([(b"content-type", b"application/json")]), 2)
    assert last_comment(asked) == b""


def test_a_name_of_the_callers_cannot_end_the_comment() -> None:
    asked, call, _ = called()
    call.asked = 'a\n\ndata: {"x": 1}\r\n'
    assert comment(asked, call)["model"] == call.asked


def test_two_calls_at_once_are_no_negative_overhead() -> None:
    asked, call, clock = called()
    clock.advance(1)
    call.waited_s = 1.5
    assert overhead_ms(asked, call) == 0.0


def test_an_answer_that_somebody_else_has_paid_costs_nothing() -> None:
    asked, call, _ = called()
    call.from_cache = True
    said = comment(asked, call)
    assert (said["cost"], said["provider"], said["from_cache"]) == ("0", "vendor", True)
