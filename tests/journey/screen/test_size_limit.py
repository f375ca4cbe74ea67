"""`size_limit`: refused at once by the announced length, else while the body streams."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from sluicegate.exchange import Exchange
from sluicegate.journey.screen.size_limit import Config, Policy
from sluicegate.model.units import convert
from sluicegate.wire.body import RequestBody
from support.exchanges import ClientSide, body, exchange, parts, run, sink
from support.mock_clock import MockClock


def policy(max_body: Any) -> Policy:
    return Policy(convert({"max_body": max_body}, Config), parts(MockClock()))


def send(max_body: Any, arriving: RequestBody | None) -> ClientSide:
    return run(policy(max_body), exchange("POST", request_body=arriving))


def test_an_announced_length_over_the_bound_is_refused_before_a_byte_is_read() -> None:
    sent = send("1KiB", body(length=1025))
    assert sent.status == 413
    assert sent.problem()["detail"] == "the body is larger than 1024 bytes"
    assert send("1KiB", body(length=1024)).status == 200


def test_no_body_is_never_too_large() -> None:
    assert send("0", None).status == 200
    assert send("0", body(length=0)).status == 200


def test_a_bound_of_nothing_refuses_any_body() -> None:
    assert send("0", body(length=1)).status == 413
    assert send("0", body(length=None)).status == 413


def test_a_stream_is_refused_when_it_passes_the_bound() -> None:
    arriving = body()
    asked = exchange("POST", request_body=arriving)

    async def onward(_: Exchange) -> None:
        arriving.feed(b"12345")
        assert arriving.error is None
        arriving.feed(b"6")
        await arriving.read(100)

    assert run(policy(5), asked, onward).status == 413


def test_what_had_come_before_counts() -> None:
    assert send(5, body(b"123456")).status == 413
    assert send(6, body(b"123456")).status == 200


@pytest.mark.parametrize(("before", "after"), [(0, 10), (5, 5), (50, 10)])
def test_the_smaller_of_two_bounds_holds(before: int, after: int) -> None:
    arriving = body(limit=before)
    asked = exchange(request_body=arriving)
    asyncio.run(policy(10).handle(asked, lambda _: asyncio.sleep(0)))
    assert arriving.limit == after
    assert sink(asked).status == 0


def test_a_bound_below_nothing_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="expected a size such as `512`"):
        policy(-1)
