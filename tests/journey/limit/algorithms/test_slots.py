"""Slots: so many at once."""

from __future__ import annotations

from sluicegate.journey.limit.algorithms.slots import Slots
from sluicegate.state.contract import NEVER
from support.limit_properties import SECOND, START, said


def test_as_many_are_held_as_there_are_and_no_more() -> None:
    slots = Slots(2, 30 * SECOND)
    outcome, counts = slots.decide(None, START, 1)
    assert (said(outcome), counts) == ((True, 1, SECOND, 0), (1,))
    outcome, counts = slots.decide(counts, START, 1)
    assert (said(outcome), counts) == ((True, 0, SECOND, 0), (2,))
    outcome, counts = slots.decide(counts, START, 1)
    assert (said(outcome), counts) == ((False, 0, SECOND, SECOND), (2,))
    assert slots.decide(None, START, 3)[0].retry_after_us == NEVER


def test_a_slot_that_is_freed_can_be_had_again() -> None:
    slots = Slots(1, 30 * SECOND)
    counts = slots.adjust((1,), START, START, -1)
    assert counts == (0,)
    assert slots.decide(counts, START, 1)[0].admitted
    assert slots.adjust(counts, START, START, -1) == (0,)


def test_a_limit_that_is_lowered_says_0_until_there_is_room() -> None:
    assert said(Slots(2, SECOND).decide((5,), START, 0)[0]) == (False, 0, SECOND, SECOND)


def test_parts_of_workers_add_up() -> None:
    parts = [Slots(3, SECOND).share(4, place) for place in range(4)]
    assert [part.limit if part else 0 for part in parts] == [1, 1, 1, 0]
