from __future__ import annotations

import msgspec
import pytest

from sluicegate.model.ledger import Entry
from sluicegate.state import totals as module
from sluicegate.state.totals import Totals

MINUTE = 60_000_000


def entry(name: str, **fields: object) -> bytes:
    return msgspec.msgpack.encode(Entry(id=name, **fields))  # type: ignore[arg-type]


def read(totals: Totals) -> list[Entry]:
    return [total.entry for total in totals.all()]


def test_exchanges_of_a_minute_that_agree_are_one_total() -> None:
    totals = Totals()
    totals.add(0, 7, (), entry("a", at_us=MINUTE + 5, consumer="ada", input=3, attempts=1))
    totals.add(MINUTE + 9, 8, (), entry("b", at_us=5, consumer="ada", output=4, attempts=2))
    totals.add(MINUTE + 9, 8, (), entry("c", consumer="bob"))
    ada, bob = read(totals)
    assert (ada.id, ada.at_us, ada.requests, ada.cost) == ("total-a-0", MINUTE, 2, 15)
    assert (ada.consumer, ada.input, ada.output, ada.attempts) == ("ada", 3, 4, 3)
    assert (bob.consumer, bob.cost, totals.added) == ("bob", 8, 3)


def test_what_has_no_cost_is_a_total_of_its_own() -> None:
    totals = Totals()
    totals.add(MINUTE, None, (), entry("a"))
    totals.add(MINUTE, 0, (), entry("b"))
    assert [each.cost for each in read(totals)] == [None, 0]


def test_totals_of_different_budgets_and_of_what_was_swept_are_apart() -> None:
    totals = Totals()
    totals.add(MINUTE, 1, ("one",), entry("a"))
    totals.add(MINUTE, 1, ("two",), entry("b"))
    totals.add(MINUTE, 1, ("two",), entry("c"), swept=True)
    assert [(each.budgets, each.entry.unsettled) for each in totals.all()] == [
        (("one",), False), (("two",), False), (("two",), True),
    ]  # fmt: skip


def test_nothing_is_added_to_what_was_read() -> None:
    totals = Totals()
    totals.add(MINUTE, 1, (), entry("a"))
    assert [msgspec.msgpack.decode(each, type=Entry).id for each in totals.read(5)] == ["total-a-0"]
    totals.add(MINUTE, 1, (), entry("b"))
    assert [(each.id, each.cost) for each in read(totals)] == [("total-a-0", 1), ("total-b-1", 1)]
    assert len(totals.read(1)) == 1
    totals.drop("total-a-0")
    totals.drop("total-a-0")
    assert [each.id for each in read(totals)] == ["total-b-1"]
    assert len(totals) == 1


def test_too_many_totals_become_coarser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    totals = Totals()
    for number in range(8):
        totals.add(MINUTE, 1, (f"{number % 3}",), entry(f"{number}", consumer=f"{number}"))
    assert totals.added == 8
    assert len(totals) == 5
    assert sum(each.cost or 0 for each in read(totals)) == 8
    assert totals.all()[-1].budgets == ()
