"""What connections share."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sluicegate.metrics import Metrics
from sluicegate.settings import Http
from sluicegate.wire.deadlines import Deadlines
from sluicegate.wire.forwarded import TrustedProxies
from sluicegate.wire.http1.context import Methods, ServerContext
from support.mock_clock import MockClock


class Connection:
    """A connection that notes that it was drained."""

    drained = False

    def drain(self) -> None:
        self.drained = True


def context(clock: MockClock, http: Http | None = None) -> ServerContext:
    """Return a context; nothing is served."""
    unused: Any = SimpleNamespace(create_task=None)
    return ServerContext(
        http or Http(), clock, Deadlines(clock), Metrics(), unused, unused, TrustedProxies([])
    )


def made(number: int) -> list[Any]:
    return [Connection() for _ in range(number)]


def test_past_the_bound_the_longest_idle_connection_goes() -> None:
    shared = context(MockClock(), Http(max_connections=2))
    first, second, third = made(3)
    for each in (first, second):
        shared.opened(each)
        shared.idle[each] = None
    assert not shared.crowded()
    shared.opened(third)
    assert not shared.crowded()
    assert (first.drained, second.drained) == (True, False)


def test_without_an_idle_connection_there_is_no_place() -> None:
    shared = context(MockClock(), Http(max_connections=1))
    for each in made(2):
        shared.opened(each)
    assert shared.crowded()


def test_a_lost_connection_is_counted_out() -> None:
    shared = context(MockClock(), Http(max_connections=1))
    (each,) = made(1)
    shared.opened(each)
    shared.idle[each] = None
    shared.lost(each)
    assert not shared.connections
    assert not shared.idle


def test_the_date_moves_with_the_clock_and_is_not_written_twice() -> None:
    clock = MockClock(wall_us=1_000_000_000_000_000)
    shared = context(clock)
    shared.deadlines.now = 1
    assert shared.tail_lines("r", False) == (
        b"via: 1.1 sluicegate\r\nx-request-id: r\r\ndate: Sun, 09 Sep 2001 01:46:40 GMT\r\n\r\n"
    )
    clock.advance(2)
    shared.deadlines.now = 3
    assert b"01:46:42" in shared.tail_lines("r", False)
    assert b"date" not in shared.tail_lines("r", True)


def test_a_method_is_decoded_once() -> None:
    methods = Methods()
    assert methods[b"GET"] == "GET"
    assert methods[b"GET"] is methods[b"GET"]
