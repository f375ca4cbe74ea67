"""Entries of the ledger."""

from __future__ import annotations

import msgspec

from sluicegate.model.ledger import BudgetWanted, Entry


def test_an_entry_reads_back_as_it_was_written() -> None:
    entry = Entry(id="a1", at_us=5, consumer="ann", cost=None, input=3, estimated=True)
    raw = msgspec.msgpack.encode(entry)
    assert msgspec.msgpack.decode(raw, type=Entry) == entry


def test_the_order_of_fields_is_the_wire_form_that_scripts_read() -> None:
    raw = msgspec.msgpack.decode(msgspec.msgpack.encode(Entry(id="a1", at_us=5, requests=2)))
    assert raw[:3] == ["a1", 5, 2]


def test_an_entry_of_an_older_writer_is_read_with_what_it_lacks() -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(["a1", 5]), type=Entry) == Entry(
        id="a1", at_us=5
    )


def test_what_is_wanted_of_a_budget_travels_as_it_is() -> None:
    wanted = BudgetWanted("p", "s", (("spending-day", 7, "day"),), {"consumer": None})
    raw = msgspec.msgpack.encode(wanted)
    assert msgspec.msgpack.decode(raw, type=BudgetWanted) == wanted
