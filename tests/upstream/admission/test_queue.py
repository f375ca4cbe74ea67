"""Who waits: the most important first, of equals the first to come, never more than a bound."""

from __future__ import annotations

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.upstream.admission.queue import LEVELS, PriorityQueue

LOW, NORMAL, HIGH, CRITICAL = range(4)


def filled(size: int, *items: tuple[str, int]) -> PriorityQueue[str]:
    queue: PriorityQueue[str] = PriorityQueue(size)
    for item, level in items:
        assert queue.offer(item, level) is None
    return queue


def drained(queue: PriorityQueue[str]) -> list[str]:
    return list(iter(queue.take, None))


def test_the_most_important_goes_first_and_of_equals_the_first_to_come() -> None:
    queue = filled(9, ("a", NORMAL), ("b", CRITICAL), ("c", LOW), ("d", NORMAL), ("e", CRITICAL))
    assert drained(queue) == ["b", "e", "a", "d", "c"]
    assert queue.length == 0


def test_a_full_queue_leaves_out_the_newest_of_the_least_important() -> None:
    queue = filled(3, ("a", LOW), ("b", LOW), ("c", NORMAL))
    assert queue.offer("d", HIGH) == "b"
    assert queue.offer("e", HIGH) == "a"
    assert queue.offer("f", HIGH) == "c"
    assert drained(queue) == ["d", "e", "f"]


def test_a_newcomer_that_is_not_more_important_than_any_is_left_out() -> None:
    queue = filled(2, ("a", NORMAL), ("b", HIGH))
    assert queue.offer("c", NORMAL) == "c"
    assert queue.offer("d", LOW) == "d"
    assert drained(queue) == ["b", "a"]


def test_a_queue_without_room_leaves_everyone_out() -> None:
    queue = filled(0)
    assert queue.offer("a", CRITICAL) == "a"
    assert queue.take() is None


def test_who_stops_waiting_makes_room() -> None:
    queue = filled(2, ("a", NORMAL), ("b", NORMAL))
    assert queue.remove("a", NORMAL)
    assert not queue.remove("a", NORMAL)
    assert queue.offer("c", NORMAL) is None
    assert drained(queue) == ["b", "c"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("offer"), st.integers(0, len(LEVELS) - 1)),
        st.tuples(st.just("take"), st.just(0)),
        st.tuples(st.just("remove"), st.integers(0, 20)),
    ),
    max_size=60,
)


@given(st.integers(0, 6), STEPS)
def test_it_does_what_a_sorted_list_does(size: int, steps: list[tuple[str, int]]) -> None:
    queue: PriorityQueue[int] = PriorityQueue(size)
    model: list[tuple[int, int]] = []  # (-level, number): the first is the next
    numbers = count()
    for what, value in steps:
        if what == "offer":
            number = next(numbers)
            model.append((-value, number))
            model.sort()
            expected = model.pop()[1] if len(model) > size else None
            assert queue.offer(number, value) == expected
        elif what == "take":
            assert queue.take() == (model.pop(0)[1] if model else None)
        elif model:
            level, number = model.pop(value % len(model))
            assert queue.remove(number, -level)
        assert queue.length == len(model) <= size
