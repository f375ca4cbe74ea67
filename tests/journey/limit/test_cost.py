"""What requests cost that do not cost 1."""

from __future__ import annotations

import pytest
from msgspec import Raw

from sluicegate.errors import UPSTREAM_UNREACHABLE, Refused
from sluicegate.exchange import Response
from sluicegate.headers import Headers
from sluicegate.journey.limit.cost import BytesCost, HeaderCost, UsdCost
from sluicegate.journey.limit.forecast import Forecast
from sluicegate.llm.call import ModelCall
from sluicegate.llm.endpoint import endpoint_of
from sluicegate.llm.tokens import Estimator
from support.exchanges import body, exchange


def number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def test_bytes_are_reserved_as_announced_and_at_least_one() -> None:
    assert BytesCost(None).reserve(exchange(request_body=body(length=700))) == 700
    assert BytesCost(None).reserve(exchange(request_body=body())) == 1
    assert BytesCost(None).reserve(exchange()) == 1
    assert BytesCost(50).reserve(exchange(request_body=body(length=700))) == 50


def test_bytes_of_both_bodies_count() -> None:
    asked = exchange(request_body=body(b"four"))
    reading = BytesCost(None).watch(asked, {})
    asked.bytes_out = 96
    assert reading.actual(asked) == 100


def test_bytes_of_a_tunnel_count() -> None:
    asked = exchange()
    asked.bytes_in, asked.bytes_out = 3, 4
    assert BytesCost(None).watch(asked, {}).actual(asked) == 7


@pytest.mark.parametrize(("said", "cost"), [("12", 12), (" 12 ", 12), ("twelve", None)])
def test_the_target_says_what_it_cost_and_nobody_else_hears_it(said: str, cost: int | None) -> None:
    asked = exchange()
    reading = HeaderCost(5, b"x-tokens", number).watch(asked, {})
    asked.attempts = 1
    asked.respond(200, [(b"x-tokens", said.encode()), (b"x-other", b"1")])
    assert asked.response is not None
    assert asked.response.headers.get(b"x-tokens") is None
    assert asked.response.headers.get(b"x-other") == b"1"
    assert reading.actual(asked) == cost


def test_a_target_that_says_nothing_leaves_the_cost_unknown() -> None:
    asked = exchange()
    reading = HeaderCost(5, b"x-tokens", number).watch(asked, {})
    asked.attempts = 1
    asked.response = Response(200, Headers(), 0)
    assert reading.actual(asked) is None


def test_what_reached_no_target_costs_nothing() -> None:
    cost = HeaderCost(5, b"x-tokens", number)
    asked = exchange()
    reading = cost.watch(asked, {})
    assert (cost.reserve(asked), reading.actual(asked)) == (5, 0)
    asked.attempts, asked.problem = 2, UPSTREAM_UNREACHABLE
    assert reading.actual(asked) == 0


def test_several_rules_read_the_same_header() -> None:
    asked, heard = exchange(), {}
    readings = [HeaderCost(5, b"x-tokens", number).watch(asked, heard) for _ in range(2)]
    asked.attempts = 1
    asked.respond(200, [(b"x-tokens", b"12")])
    assert [reading.actual(asked) for reading in readings] == [12, 12]
    assert asked.response is not None
    assert asked.response.headers.get(b"x-tokens") is None


@pytest.mark.parametrize(
    ("method", "path", "refused"),
    [
        ("POST", "/proxy/vendor/v1/batches", "as it is"),
        ("GET", "/proxy/vendor/v1/models", ""),
        ("POST", "/v1/responses", "background"),
    ],
)
@pytest.mark.parametrize(("hard", "refuses"), [(True, True), (True, False), (False, True)])
def test_a_hard_budget_refuses_what_nobody_counts(
    method: str, path: str, refused: str, *, hard: bool, refuses: bool
) -> None:
    asked = exchange(method)
    endpoint = endpoint_of(path, None, Headers(), method)
    assert endpoint is not None
    asked.call = ModelCall(endpoint, "fast")
    asked.call.fields = {"background": Raw(b"true")}
    cost = UsdCost(Forecast(Estimator()), None, hard=hard, refuses=refuses)
    if refused and hard and refuses:
        with pytest.raises(Refused, match=refused):
            cost.reserve(asked)
    else:
        assert cost.reserve(asked) == 0
