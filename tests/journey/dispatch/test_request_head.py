"""The head of a request as it is sent to a target."""

from __future__ import annotations

from sluicegate.journey.dispatch.request_head import head_of
from sluicegate.telemetry.trace import Trace
from sluicegate.upstream.target import Target
from support.exchanges import body, exchange
from support.mock_clock import MockClock
from support.services import service


def target(**config: object) -> Target:
    return service(targets=["http://t:81"], **config).targets[0]


def lines(raw: bytes) -> list[str]:
    assert raw.endswith(b"\r\n\r\n")
    return raw.decode()[:-4].split("\r\n")


def test_the_head_is_line_host_headers_framing_and_via() -> None:
    asked = exchange("GET", "/a", headers={"x-a": "1"})
    asked.request.query, asked.request.authority = b"q=1", b"api.example.com"
    assert lines(head_of(asked, target(), None, 0.0)) == [
        "GET /a?q=1 HTTP/1.1",
        "host: api.example.com",
        "x-a: 1",
        "via: 1.1 sluicegate",
    ]


def test_the_targets_own_host_is_sent_where_the_service_says_so() -> None:
    asked = exchange("GET", "/")
    asked.request.authority = b"api.example.com"
    assert "host: t:81" in lines(head_of(asked, target(preserve_host=False), None, 0.0))


def test_a_body_has_its_length_or_comes_in_chunks() -> None:
    asked = exchange("PUT", "/")
    asked.request.body = body(b"abc", 3)
    assert "content-length: 3" in lines(head_of(asked, target(), None, 0.0))
    asked.request.body = body(b"abc")
    assert "transfer-encoding: chunked" in lines(head_of(asked, target(), None, 0.0))
    asked.request.body = None
    assert "content-length: 0" in lines(head_of(asked, target(), None, 0.0))


def test_an_upgrade_is_asked_for() -> None:
    asked = exchange("GET", "/")
    asked.request.upgrade = "websocket"
    assert {"connection: upgrade", "upgrade: websocket"} <= set(
        lines(head_of(asked, target(), None, 0.0))
    )


def test_an_attempt_that_is_traced_names_itself_as_the_parent() -> None:
    asked = exchange("GET", "/", headers={"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"})
    span = Trace("a" * 32, "b" * 16, None).attempt("s", "t:81", 1, 0)
    sent = [line for line in lines(head_of(asked, target(), span, 0.0)) if "traceparent" in line]
    assert sent == [f"traceparent: 00-{'a' * 32}-{span.span_id}-01"]


def test_a_target_is_told_how_much_time_is_left() -> None:
    clock = MockClock()
    asked = exchange("GET", "/", clock=clock)
    asked.deadline_header = b"deadline"
    assert not any("deadline" in line for line in lines(head_of(asked, target(), None, 0.0)))
    asked.deadline = clock.monotonic() + 2.5
    assert "deadline: 2500" in lines(head_of(asked, target(), None, clock.monotonic()))
    clock.advance(3)
    assert "deadline: 0" in lines(head_of(asked, target(), None, clock.monotonic()))
