"""Ids are UUIDs of version 7, unique, and sort in the order in which they were made."""

from __future__ import annotations

from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.store.uuid7 import RANDOM_BITS, Uuid7, first_of, parse_id
from support.mock_clock import EPOCH_US

TIMES = st.integers(0, 2**47 * 1000)
"""Microseconds; version 7 has 48 bits of milliseconds."""


@given(TIMES)
def test_an_id_is_of_version_7_and_says_when_it_was_made(wall_us: int) -> None:
    made = UUID(Uuid7().make(wall_us))
    assert made.version == 7
    assert made.variant == RFC_4122
    assert made.int >> 80 == wall_us // 1000


@given(TIMES, st.lists(st.integers(-5_000, 5_000), max_size=60))
def test_ids_of_a_process_are_unique_and_grow_even_where_the_clock_goes_back(
    wall_us: int, steps: list[int]
) -> None:
    ids = Uuid7()
    made = [ids.make(wall_us)]
    for step in steps:
        wall_us = max(0, wall_us + step)
        made.append(ids.make(wall_us))
    assert sorted(set(made)) == made
    assert [UUID(each).int for each in made] == sorted(UUID(each).int for each in made)


def test_ids_of_two_processes_at_the_same_time_differ() -> None:
    one, other = Uuid7(), Uuid7()
    made = {each.make(EPOCH_US) for each in (one, other) for _ in range(1000)}
    assert len(made) == 2000


def test_what_outgrows_a_millisecond_borrows_from_the_next() -> None:
    ids = Uuid7(lambda bits: (1 << bits) - 1)
    ids._number = (1 << RANDOM_BITS) - 1
    ids._ms = EPOCH_US // 1000
    made = ids.make(EPOCH_US)
    assert UUID(made).int >> 80 == EPOCH_US // 1000 + 1
    assert UUID(made).version == 7
    assert ids.make(EPOCH_US) > made


@given(TIMES, st.integers(0, 1_000_000_000))
def test_no_id_of_then_or_later_is_below_the_first_of_then(wall_us: int, later_us: int) -> None:
    assert Uuid7().make(wall_us + later_us) > first_of(wall_us)
    if wall_us >= 1000:
        assert Uuid7().make(wall_us - 1000) < first_of(wall_us)


@given(st.text(max_size=40))
def test_what_is_no_id_is_none(text: str) -> None:
    parsed = parse_id(text)
    assert parsed is None or parsed == text.lower()


def test_an_id_is_read_as_it_is_written_and_in_no_other_form() -> None:
    made = Uuid7().make(EPOCH_US)
    assert parse_id(made) == made
    assert parse_id(made.upper()) == made
    for other in (f"{{{made}}}", made.replace("-", ""), f"urn:uuid:{made}", f" {made}", "", "x"):
        assert parse_id(other) is None
