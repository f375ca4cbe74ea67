"""What is kept is dropped once it is due, a bounded number at a time, without ever scanning."""

from __future__ import annotations

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.state.contract import Limit
from sluicegate.state.due import SLICE, Due
from sluicegate.state.entries import Entry
from support.mock_clock import MockClock

SECOND = 1_000_000


LIMITS = (Limit("a", FixedWindow(1, SECOND)),)


class Shelf:
    """Entries to be dropped, by name."""

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us
        self.home: dict[str, Entry] = {}

    def thing(self, due_s: float) -> Entry:
        return Entry(self.home, str(len(self.home)), LIMITS, self.now_us + int(due_s * SECOND))

    def left(self) -> list[str]:
        return list(self.home)


def filled(clock: MockClock, *dues_s: float) -> tuple[Due, Shelf, list[Entry]]:
    due, shelf = Due(clock), Shelf(clock.wall_us())
    things = [shelf.thing(due_s) for due_s in dues_s]
    for thing in things:
        due.add(thing)
    return due, shelf, things


def test_what_is_due_is_dropped_and_an_idle_process_ends_with_no_timer() -> None:
    clock = MockClock()
    due, shelf, _ = filled(clock, 1, 5)
    clock.advance(3)
    assert (shelf.left(), len(due)) == (["1"], 1)
    clock.advance(5)
    assert (shelf.left(), len(due)) == ([], 0)
    assert (due._timer, due._slots, due._order) == (None, {}, [])


def test_what_is_used_again_is_looked_at_again_later() -> None:
    clock = MockClock()
    due, shelf, (thing,) = filled(clock, 1)
    thing.due_us += 10 * SECOND
    clock.advance(10)
    assert shelf.left() == ["0"]
    clock.advance(3)
    assert (shelf.left(), len(due)) == ([], 0)


def test_one_turn_of_the_sweep_looks_at_a_bounded_number() -> None:
    clock = MockClock()
    due, _, _ = filled(clock, *([1] * 3 * SLICE))
    clock.set_wall_us(clock.wall_us() + 10 * SECOND)
    due._sweep()
    assert len(due) == 2 * SLICE


def test_what_is_due_first_is_dropped_first_when_there_is_too_much() -> None:
    due, shelf, things = filled(MockClock(), 9, 3, 6)
    due.drop_first()
    assert shelf.left() == ["0", "2"]
    things[2].due_us += 60 * SECOND
    due.drop_first()
    assert shelf.left() == ["2"]
    assert len(due) == 1


def test_looking_for_what_is_due_first_ends_even_when_everything_was_used_again() -> None:
    due, shelf, things = filled(MockClock(), *([1] * 100))
    for thing in things:
        thing.due_us += 60 * SECOND
    due.drop_first()
    assert (len(shelf.left()), len(due)) == (99, 99)


def test_closing_stops_the_sweep_for_good() -> None:
    clock = MockClock()
    due, shelf, _ = filled(clock, 1)
    due.close()
    due.add(shelf.thing(0))
    clock.advance(600)
    assert (shelf.left(), len(due), due._timer) == (["0", "1"], 2, None)
