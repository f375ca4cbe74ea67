"""What a ticket took is known once, for an hour, and of a bounded number of tickets."""

from __future__ import annotations

from sluicegate.state.records import LIFE_US, MOST, Record, Records


def test_a_record_is_found_once() -> None:
    records = Records()
    record = Record(0, [1])
    records.add("one", record)
    assert records.pop("one") is record
    assert records.pop("one") is None


def test_an_old_record_is_forgotten() -> None:
    records = Records()
    records.add("one", Record(0, [1]))
    records.add("two", Record(LIFE_US - 1, [1]))
    assert len(records) == 2
    records.add("three", Record(LIFE_US, [1]))
    assert records.pop("one") is None
    assert len(records) == 2


def test_of_too_many_the_oldest_is_forgotten() -> None:
    records = Records()
    for number in range(MOST + 1):
        records.add(str(number), Record(0, [1]))
    assert len(records) == MOST
    assert records.pop("0") is None
    assert records.pop("1") is not None
