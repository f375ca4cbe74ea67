"""`headers`: what changes on the way down and up."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sluicegate.errors import FORBIDDEN
from sluicegate.exchange import Exchange
from sluicegate.journey.shape.headers import Config, Policy
from sluicegate.model.units import convert
from support.exchanges import exchange, parts, run, target
from support.mock_clock import MockClock

CHANGES = {
    "remove": ["X-Gone"],
    "set": {"X-Set": "new", "x-empty": ""},
    "add": {"X-Added": "more"},
}
BEFORE = [("x-gone", "1"), ("x-kept", "2"), ("x-set", "3"), ("x-added", "4"), ("x-set", "5")]
AFTER = [
    (b"x-kept", b"2"),
    (b"x-added", b"4"),
    (b"x-set", b"new"),
    (b"x-empty", b""),
    (b"x-added", b"more"),
]


def policy(**config: Any) -> Policy:
    return Policy(convert(config, Config), parts(MockClock()))


def test_the_request_changes_before_the_service_sees_it() -> None:
    asked = exchange(headers=BEFORE)
    sent = run(policy(request=CHANGES), asked, target(200, BEFORE))
    assert asked.request.headers == AFTER
    assert [name for name, _ in sent.headers] == [name.encode() for name, _ in BEFORE]


def test_the_response_changes_before_the_client_sees_it() -> None:
    asked = exchange(headers=BEFORE)
    assert run(policy(response=CHANGES), asked, target(200, BEFORE)).headers == AFTER
    assert len(asked.request.headers) == len(BEFORE)


def test_errors_of_the_gateway_change_as_well() -> None:
    async def refuse(asked: Exchange) -> None:
        asked.refuse(FORBIDDEN)

    sent = run(policy(response={"set": {"x-frame-options": "DENY"}}), exchange(), refuse)
    assert (sent.status, sent.header("x-frame-options")) == (403, "DENY")


def test_one_request_does_not_leak_into_the_next() -> None:
    chosen = policy(request={"add": {"x-a": "1"}})
    for _ in range(2):
        asked = exchange()
        run(chosen, asked)
        assert asked.request.headers == [(b"x-a", b"1")]


@pytest.mark.parametrize(
    "name",
    ["Content-Length", "transfer-encoding", "Connection", "upgrade", "TE", "Keep-Alive", "trailer",
     "Proxy-Authorization", "Host", "expect", "Sluicegate-Consumer", "a b", "a:b", "", "x\r\ny",
     "x_api_key"],
)  # fmt: skip
@pytest.mark.parametrize("how", ["set", "add", "remove"])
@pytest.mark.parametrize("side", ["request", "response"])
def test_names_that_are_not_the_operators_are_refused(side: str, how: str, name: str) -> None:
    given = [name] if how == "remove" else {name: "x"}
    with pytest.raises(msgspec.ValidationError, match=r"is no header name|cannot be changed here"):
        convert({side: {how: given}}, Config)


@pytest.mark.parametrize("value", ["s3\r\nb: c", "s3\n", "s3\rb", "s3\x00b", " s3", "s3\t", "s3€"])
def test_values_that_would_break_a_head_are_refused_without_being_shown(value: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="the value of `x-a` has a line break") as e:
        convert({"request": {"set": {"x-a": value}}}, Config)
    assert "s3" not in str(e.value)


def test_other_values_are_kept_to_the_letter() -> None:
    asked = exchange()
    run(policy(request={"set": {"x-a": 'a\tb "c", é'}}), asked)
    assert asked.request.headers == [(b"x-a", 'a\tb "c", é'.encode("latin-1"))]
