"""`access_log`: one line per exchange, with every field that is documented and no secret."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any

import msgspec
import pytest

from sluicegate.errors import NO_ROUTE
from sluicegate.exchange import Exchange
from sluicegate.journey.record.access_log import Config, Line, Policy
from sluicegate.journey.record.line import LONGEST_AGENT
from support.exchanges import body, exchange, parts, run, target
from support.mock_clock import MockClock

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Log:
    def __init__(self, clock: MockClock | None = None, **config: Any) -> None:
        self.raw: list[bytes] = []
        given = dataclasses.replace(parts(clock or MockClock()), write_log=self.raw.append)
        self.policy = Policy(Config(**config), given)

    def line(self) -> dict[str, Any]:
        assert len(self.raw) == 1
        assert self.raw[0].count(b"\n") == 1
        assert self.raw[0].endswith(b"}\n")
        found: dict[str, Any] = json.loads(self.raw.pop())
        return found


def test_a_line_says_who_asked_what_where_it_went_and_what_came_of_it() -> None:
    clock = MockClock(1_700_000_000_000_042)
    log = Log(clock)
    asked = exchange(
        "POST",
        "/a/b",
        query="api_key=hidden",
        headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "user-agent": "curl/8"},
        request_body=body(b"12345"),
        clock=clock,
    )

    async def onward(asked: Exchange) -> None:
        asked.request.path, asked.request.query = "/rewritten", None
        asked.service, asked.target = "users", "http://10.0.0.5:9000"
        asked.consumer_name, asked.key_id, asked.plan = "ann", "k1", "pro"
        clock.advance(0.001)
        asked.first_byte_at = clock.monotonic()
        clock.advance(0.0005)
        await target(201, data=b"123")(asked)

    run(log.policy, asked, onward)
    assert log.line() == {
        "time": "2023-11-14T22:13:20.001542Z",
        "request_id": "request-1",
        "trace_id": TRACE,
        "client_ip": "192.0.2.7",
        "method": "POST",
        "host": "api.example.com",
        "path": "/a/b",
        "query": None,
        "route": "things",
        "service": "users",
        "target": "http://10.0.0.5:9000",
        "consumer": "ann",
        "key_id": "k1",
        "plan": "pro",
        "status": 201,
        "problem": None,
        "outcome": None,
        "attempts": 0,
        "bytes_in": 5,
        "bytes_out": 3,
        "duration_ms": 1.5,
        "upstream_ms": 1.0,
        "user_agent": "curl/8",
    }


def test_the_time_goes_on_across_seconds_and_backwards() -> None:
    clock = MockClock(1_700_000_000_999_999)
    log = Log(clock)
    for advance, time in (
        (0, "2023-11-14T22:13:20.999999Z"),
        (0.000001, "2023-11-14T22:13:21.000000Z"),
        (3600, "2023-11-14T23:13:21.000000Z"),
    ):
        clock.advance(advance)
        run(log.policy, exchange(clock=clock))
        assert log.line()["time"] == time
    clock.set_wall_us(0)
    run(log.policy, exchange(clock=clock))
    assert log.line()["time"] == "1970-01-01T00:00:00.000000Z"


def test_a_local_answer_names_its_problem() -> None:
    log = Log()

    async def onward(asked: Exchange) -> None:
        asked.refuse(NO_ROUTE)

    run(log.policy, exchange(route=None), onward)
    line = log.line()
    assert (line["status"], line["problem"], line["route"]) == (404, "no-route", None)
    assert line["upstream_ms"] is None


def test_a_cancelled_exchange_is_written_as_499_with_its_outcome() -> None:
    log = Log()

    async def work() -> None:
        async def onward(asked: Exchange) -> None:
            asked.outcome = "client_gone"
            raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await log.policy.handle(exchange(), onward)

    asyncio.run(work())
    line = log.line()
    assert (line["status"], line["outcome"]) == (499, "client_gone")


def test_the_query_is_written_only_when_told_and_without_its_secrets() -> None:
    log = Log(query=True)
    secret = "s3cr3t"
    query = (
        f"a=1&API_KEY={secret}&tok%65n={secret}&code&x=key={secret[:0]}&X-Amz-Signature={secret}"
    )
    run(log.policy, exchange(query=query))
    raw = log.raw[0]
    assert secret.encode() not in raw
    assert log.line()["query"] == ("a=1&API_KEY=***&tok%65n=***&code&x=key=&X-Amz-Signature=***")
    run(log.policy, exchange())
    assert log.line()["query"] is None


def test_other_names_can_be_redacted() -> None:
    log = Log(query=True, redact=("PIN",))
    run(log.policy, exchange(query="pin=1234&token=shown"))
    assert log.line()["query"] == "pin=***&token=shown"


def test_headers_that_hold_secrets_are_nowhere_in_the_line() -> None:
    log = Log(query=True)
    secrets = {"authorization": "Bearer s3cr3t", "cookie": "s3cr3t", "x-api-key": "s3cr3t"}
    run(log.policy, exchange(headers=secrets), target(200, {"set-cookie": "s3cr3t"}, b"s3cr3t"))
    assert b"s3cr3t" not in log.raw[0]


def test_whatever_a_client_sends_stays_one_line_of_json() -> None:
    log = Log(query=True)
    nasty = 'x"\\\t\x7f\xff{' + "a" * 1000
    run(log.policy, exchange(query=nasty, headers={"user-agent": nasty, "traceparent": "\xff"}))
    line = log.line()
    assert line["user_agent"] == nasty[:LONGEST_AGENT]
    assert line["query"] == nasty


def test_every_field_is_described() -> None:
    for field in msgspec.inspect.type_info(Line).fields:  # type: ignore[attr-defined]
        assert isinstance(field.type, msgspec.inspect.Metadata), field.name
        assert (field.type.extra_json_schema or {}).get("description"), field.name
