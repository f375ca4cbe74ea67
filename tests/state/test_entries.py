"""What is kept of a subject survives a change of its limits, and slots free themselves."""

from __future__ import annotations

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.state.contract import Limit
from sluicegate.state.entries import Entry, Holders

SECOND = 1_000_000
A, B, C = (Limit(label, FixedWindow(5, SECOND)) for label in "abc")


def test_counts_follow_their_label_wherever_it_stands() -> None:
    entry = Entry({}, "=ann", (A, B), 100)
    entry.keep([(0, 1), (0, 2)], 100)
    entry.adopt((C, B, A), 50)
    assert entry.counts == [None, (0, 2), (0, 1)]


def test_counts_of_a_limit_that_is_not_asked_for_stay_as_long_as_they_would_have() -> None:
    entry = Entry({}, "=ann", (A, B), 100)
    entry.keep([(0, 1), (0, 2)], 100)
    entry.adopt((A,), 50)
    entry.keep([(0, 3)], 60)
    assert entry.due_us == 100
    entry.adopt((B, A), 99)
    assert entry.counts == [(0, 2), (0, 3)]
    entry.keep([(0, 2), (0, 3)], 120)
    entry.adopt((A,), 100)
    entry.keep([(0, 4)], 300)
    entry.adopt((C,), 130)  # by now b is over
    entry.adopt((A, B), 140)
    assert entry.counts == [(0, 4), None]


def test_what_is_dropped_leaves_its_home() -> None:
    entries: dict[str, Entry] = {}
    Entry(entries, "=ann", (A,), 100).drop()
    holders: dict[str, Holders] = {}
    Holders(holders, "=ann", 100).drop()
    assert (entries, holders) == ({}, {})


def test_slots_that_nobody_refreshes_are_free_again() -> None:
    holders = Holders({}, "=ann", 10)
    holders.hold("one", 10)
    holders.hold("two", 12)
    assert holders.held(9) == 2
    holders.hold("one", 19)
    assert (holders.held(12), holders.holds("one"), holders.holds("two")) == (1, True, False)
    assert (holders.held(19), holders.due_us) == (0, 19)


def test_a_slot_is_freed_once() -> None:
    holders = Holders({}, "=ann", 10)
    holders.hold("one", 10)
    holders.free("one")
    holders.free("one")
    assert holders.held(5) == 0
