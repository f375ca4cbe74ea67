"""The line itself: whatever is in an exchange, an encoder would have made the same of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.errors import NO_ROUTE, QUOTA_EXCEEDED
from sluicegate.exchange import Response
from sluicegate.headers import Headers
from sluicegate.journey.record.access_log import Line
from sluicegate.journey.record.line import LONGEST_AGENT, MOST_FRAGMENTS, LineLog
from sluicegate.llm.call import ModelCall
from sluicegate.llm.canonical import Usage
from sluicegate.llm.endpoint import Endpoint
from sluicegate.llm.failure import Failure
from support.exchanges import body, exchange, run
from support.mock_clock import MockClock

text = st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from('"\\\x00\n\r\t\x7f\u2028é')))
maybe = st.none() | text
latin = st.binary(max_size=LONGEST_AGENT + 9)
number = st.integers(0, 2**53)


class Lines(list[bytes]):
    """A log, and lines in it that belong to exchanges of every kind."""

    def __init__(self, *, query: bool = True) -> None:
        super().__init__()
        self.clock = MockClock(1_700_000_000_000_042)
        self.log = LineLog(self.clock, self.append, frozenset({b"pin"}) if query else None)


@given(data=st.data())
def test_every_line_is_what_the_encoder_makes_of_its_fields(data: st.DataObject) -> None:
    lines = Lines()
    for _ in range(2):  # the second one from memory, as far as it is the same
        draw = data.draw
        asked = exchange(clock=lines.clock, path=draw(text), host=draw(text), route=None)
        request = asked.request
        request.method, request.request_id = draw(text), draw(text)
        request.client_ip, request.query = draw(text), draw(st.none() | latin)
        agent, trace = draw(st.none() | latin), draw(st.none() | latin)
        for name, value in ((b"user-agent", agent), (b"traceparent", trace)):
            if value is not None:
                request.headers.append((name, value))
        name, plan = draw(maybe), draw(maybe)
        if name is not None:
            asked.route = cast("Any", SimpleNamespace(name=name))
        asked.service, asked.target = draw(maybe), draw(maybe)
        asked.consumer_name, asked.key_id, asked.plan = draw(maybe), draw(maybe), plan
        status = draw(st.none() | st.integers(100, 999))
        if status is not None:
            asked.response = Response(status, Headers(), None)
        asked.problem = draw(st.sampled_from((None, NO_ROUTE, QUOTA_EXCEEDED)))
        asked.outcome = draw(maybe)
        asked.attempts = draw(st.integers(0, 10))
        asked.bytes_in, asked.bytes_out = draw(number), draw(number)
        spent_us = draw(st.integers(0, 10**10))
        waited_us = draw(st.none() | st.integers(1, 10**10))
        asked.started_at = lines.clock.monotonic() - spent_us / 1e6
        if waited_us is not None:
            asked.first_byte_at = asked.started_at + waited_us / 1e6
        line = lines.log._line(asked, request.path, request.query)
        first = asked.first_byte_at
        expected = Line(
            time="2023-11-14T22:13:20.000042Z",
            request_id=request.request_id,
            trace_id=None if trace is None else trace[3:35].decode("latin-1"),
            client_ip=request.client_ip,
            method=request.method,
            host=request.host,
            path=request.path,
            query=None if request.query is None else lines.log._redacted(request.query),
            route=name,
            service=asked.service,
            target=asked.target,
            consumer=asked.consumer_name,
            key_id=asked.key_id,
            plan=plan,
            status=499 if status is None else status,
            problem=None if asked.problem is None else asked.problem.slug,
            outcome=asked.outcome,
            attempts=asked.attempts,
            bytes_in=asked.bytes_in,
            bytes_out=asked.bytes_out,
            duration_ms=round((lines.clock.monotonic() - asked.started_at) * 1e6) / 1e3,
            upstream_ms=round((first - asked.started_at) * 1e6) / 1e3 if first else None,
            user_agent=None if agent is None else agent[:LONGEST_AGENT].decode("latin-1"),
        )
        assert msgspec.json.decode(line, type=Line) == expected
        assert line == msgspec.json.encode(expected) + b"\n"


def test_what_is_remembered_of_lines_is_bounded_and_never_mixed_up() -> None:
    lines = Lines()
    for name in [f"user-{n}" for n in range(MOST_FRAGMENTS + 3)] + ["user-0"]:
        asked = exchange(clock=lines.clock)
        asked.consumer_name, asked.plan = name, "free"
        run(lines.log, asked)
        assert msgspec.json.decode(lines.pop(), type=Line).consumer == name
        assert len(lines.log._callers) <= MOST_FRAGMENTS


def test_values_that_stand_in_another_place_are_another_line() -> None:
    lines = Lines()
    for values in (("a", "b", None), ("a", None, "b"), (None, "a", "b"), ("null", "b", None)):
        asked = exchange(clock=lines.clock)
        asked.consumer_name, asked.key_id, asked.plan = values
        run(lines.log, asked)
        line = msgspec.json.decode(lines.pop(), type=Line)
        assert (line.consumer, line.key_id, line.plan) == values


def test_a_query_is_left_out_or_redacted() -> None:
    for query, shown in ((True, "a=1&pin=***"), (False, None)):
        lines = Lines(query=query)
        run(lines.log, exchange(query="a=1&pin=2", request_body=body(b"12345")))
        line = msgspec.json.decode(lines.pop(), type=Line)
        assert (line.query, line.bytes_in) == (shown, 5)


def test_a_call_of_a_model_has_fields_of_its_own_at_the_end() -> None:
    lines = Lines()
    asked = exchange(clock=lines.clock)
    call = asked.call = ModelCall(Endpoint("call", "openai_chat"), 'gpt "\n')
    call.deployment, call.stream = "a/gpt", True
    call.usage = Usage(input=10, cached=4, output=2)
    call.first_token_at = asked.started_at + 0.25
    run(lines.log, asked)
    said = msgspec.json.decode(lines[-1])
    assert list(said)[-8:] == [
        "model", "deployment", "stream", "first_token_ms", "input_tokens", "cached_tokens",
        "output_tokens", "failure",
    ]  # fmt: skip
    assert (said["model"], said["deployment"], said["stream"]) == ('gpt "\n', "a/gpt", True)
    assert said["first_token_ms"] == 250
    assert (said["input_tokens"], said["cached_tokens"], said["output_tokens"]) == (10, 4, 2)
    assert said["failure"] is None


def test_of_a_call_that_failed_the_line_says_how_and_nothing_is_made_up() -> None:
    lines = Lines()
    asked = exchange(clock=lines.clock)
    call = asked.call = ModelCall(Endpoint("call", "openai_chat"), "gpt")
    call.failure = Failure(kind="overloaded", status=503, message="sk-secret")
    run(lines.log, asked)
    said = msgspec.json.decode(lines[-1])
    assert said["failure"] == "overloaded"
    assert said["first_token_ms"] is None
    assert said["input_tokens"] is None
    assert b"sk-secret" not in lines[-1]
