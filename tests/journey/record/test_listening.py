from __future__ import annotations

from typing import Any

from sluicegate.exchange import Response
from sluicegate.headers import Headers
from sluicegate.journey.record.listening import Listening
from support.exchanges import exchange, sink


class Noting:
    """A sink that notes what it is told."""

    transport: Any = "transport"

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.told.append(name)


def test_the_client_gets_what_it_would_have_got() -> None:
    made = exchange()
    heard = Listening(made.sink, 100)
    made.sink = heard
    made.head(Response(200, Headers(), 5), None)
    made.chunk(b"ab")
    made.chunk(b"cde")
    made.end(None)
    made.sink = heard.inner
    assert (sink(made).body, sink(made).length, sink(made).ended) == (b"abcde", 5, True)
    assert (heard.pieces, heard.size, heard.is_whole) == ([b"ab", b"cde"], 5, True)


def test_an_answer_of_the_gateway_is_heard_too() -> None:
    made = exchange()
    heard = Listening(made.sink, 100)
    made.sink = heard
    made.respond(404, [], b"no")
    assert heard.pieces == [b"no"]


def test_past_the_bound_nothing_is_kept_and_all_is_counted() -> None:
    noting: Any = Noting()
    heard = Listening(noting, 4)
    for _ in range(3):
        heard.send_body(b"abc")
    assert (heard.pieces, heard.size, heard.is_whole) == ([], 9, False)
    assert noting.told == ["send_body"] * 3


def test_whatever_else_is_told_is_passed_on() -> None:
    noting: Any = Noting()
    heard, made = Listening(noting, 4), exchange()
    nothing: Any = None
    heard.send_informational(103, Headers())
    heard.send_upgrade(made, Headers())
    heard.join(nothing)
    heard.flush()
    heard.cut()
    heard.finished(made)
    assert noting.told == [
        "send_informational", "send_upgrade", "join", "flush", "cut", "finished",
    ]  # fmt: skip
    assert heard.transport == "transport"
