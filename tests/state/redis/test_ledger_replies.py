"""What servers reply about the ledger."""

from __future__ import annotations

import msgspec

from sluicegate.state.ledger import Alert, Line, Spent
from sluicegate.state.redis.ledger_replies import read_budgets, read_counts, read_item

LINE = [b"1-0", [b"a", b"7", b"c", b"12", b"b", b"p\x1fada\nq\x1fbob", b"e", b"\x91\xff"]]


def test_a_line_has_its_budgets_and_its_entry_as_it_was_written() -> None:
    budgets = ("p\x1fada", "q\x1fbob")
    assert read_item(LINE) == Line("1-0", 7, 12, budgets, b"\x91\xff")


def test_a_line_whose_cost_nobody_knows_has_none() -> None:
    item = [b"1-0", [b"a", b"0", b"c", b"", b"b", b"", b"e", b"\x90", b"u", b"1"]]
    assert read_item(item) == Line("1-0", 0, None, (), b"\x90", unsettled=True)


def test_an_alert_tells_of_its_threshold() -> None:
    pairs = [b"p", b"budget;", b"s", b"ada", b"l", b"spending-day", b"t", b"80", b"m", b"100"]
    item = [b"2-1", [*pairs, b"v", b"81", b"w", b"5", b"a", b"9"]]
    assert read_item(item) == Alert("2-1", "budget;", "ada", "spending-day", 80, 100, 81, 5, 9)


def test_a_subject_may_be_any_bytes() -> None:
    assert read_budgets(b"p\x1f\xff") == ("p\x1f\udcff",)


def test_counts_of_limits_that_are_not_asked_for_any_more_are_left_out() -> None:
    value = msgspec.msgpack.encode(["day", [1, 2, 3], "month", [4, 5, 6], ["hour", 9, [7, 8, 9]]])
    assert read_counts(b"p\x1fada", value) == [
        Spent("p", "ada", "day", 1, 2, 3),
        Spent("p", "ada", "month", 4, 5, 6),
    ]
