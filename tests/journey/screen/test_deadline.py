"""`deadline`: how long the caller waits, read, bounded and handed on."""

from __future__ import annotations

from math import inf
from typing import Any

import msgspec
import pytest

from sluicegate.exchange import Exchange
from sluicegate.journey.screen.deadline import Config, Policy
from sluicegate.model.units import convert
from support.exchanges import ClientSide, exchange, parts, run
from support.mock_clock import MockClock


def policy(**config: Any) -> Policy:
    return Policy(convert(config, Config), parts(MockClock()))


def ask(config: dict[str, Any], *given: str) -> tuple[Exchange, ClientSide]:
    asked = exchange(headers=[("deadline", value) for value in given])
    return asked, run(policy(**config), asked)


def left(asked: Exchange) -> float:
    return round(asked.deadline - asked.started_at, 6)


@pytest.mark.parametrize(
    ("config", "given", "expected"),
    [
        ({}, ["1500"], 1.5),
        ({}, ["0001"], 0.001),
        ({}, [], inf),
        ({"default": "2s"}, [], 2),
        ({"default": "2s"}, ["5000"], 5),
        ({"max": "3s"}, ["5000"], 3),
        ({"max": "3s"}, ["9999999999"], 3),
        ({"max": "3s"}, ["200"], 0.2),
        ({"max": "3s"}, [], inf),
        ({"default": "1s", "max": "3s"}, [], 1),
    ],
)
def test_the_deadline_is_the_callers_within_bounds(
    config: dict[str, Any], given: list[str], expected: float
) -> None:
    asked, sent = ask(config, *given)
    assert (left(asked), sent.status) == (expected, 200)
    assert asked.deadline_header == (None if expected == inf else b"deadline")
    assert asked.request.headers == []


@pytest.mark.parametrize(
    "given",
    [["-1"], ["+5"], ["1.5"], ["5S"], ["100m"], [""], ["soon"], ["1e3"], ["1_000"], ["0x10"],
     ["99999999999"], ["5", "5"], ["5, 6"], ["²"]],
)  # fmt: skip
def test_anything_but_a_plain_number_is_refused_by_the_headers_name(given: list[str]) -> None:
    _, sent = ask({}, *given)
    assert sent.status == 400
    assert sent.problem()["type"].endswith(":bad-header")
    assert sent.problem()["detail"].startswith("`deadline`: expected one number")


def test_a_deadline_that_has_passed_is_answered_at_once() -> None:
    _, sent = ask({}, "0")
    assert sent.status == 504
    assert sent.problem()["type"].endswith(":deadline-passed")
    late = exchange(headers=[("deadline", "50")], clock=(clock := MockClock()))
    clock.advance(0.05)
    assert run(policy(), late).status == 504


def test_time_runs_from_when_the_request_came() -> None:
    asked = exchange(headers=[("deadline", "50")], clock=(clock := MockClock()))
    clock.advance(0.04)
    assert run(policy(), asked).status == 200
    assert asked.deadline - clock.monotonic() == pytest.approx(0.01)


def test_of_several_policies_the_shortest_deadline_holds() -> None:
    asked = exchange(headers=[("deadline", "5000")])
    run(policy(), asked)
    run(policy(default="9s"), asked, lambda _: _nothing())
    assert left(asked) == 5
    run(policy(max="2s"), asked, lambda _: _nothing())
    assert left(asked) == 2


async def _nothing() -> None:
    """Answer nothing: somebody has."""


def test_the_header_may_have_another_name() -> None:
    name = "X-Envoy-Expected-Rq-Timeout-Ms"
    asked = exchange(headers=[(name, "250"), ("deadline", "1")])
    run(policy(header=name), asked)
    assert left(asked) == 0.25
    assert asked.deadline_header == name.lower().encode()
    assert asked.request.headers == [(b"deadline", b"1")]


@pytest.mark.parametrize(
    "config",
    [{"header": "a b"}, {"header": ""}, {"header": "te"}, {"header": "sluicegate-deadline"},
     {"header": "Content-Length"}, {"header": "host"}, {"header": "connection"},
     {"default": "3s", "max": "2s"}],
)  # fmt: skip
def test_settings_that_could_not_work_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"hold a deadline|longer than"):
        policy(**config)
