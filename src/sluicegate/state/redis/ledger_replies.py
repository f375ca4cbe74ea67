"""What servers reply about the ledger. The forms are those of `state/scripts/ledger_*.lua`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from sluicegate.state.ledger import Alert, Line, Spent

SEPARATOR: Final = "\x1f"
"""Between the place of a budget and its subject."""


def read_item(item: Sequence[Any]) -> Line | Alert:
    """Read an item of the stream of lines: its id, and names and values in turn."""
    pairs = item[1]
    values: dict[bytes, bytes] = dict(zip(pairs[::2], pairs[1::2], strict=True))
    item_id = item[0].decode()
    if b"p" in values:
        return Alert(
            id=item_id,
            place=text(values[b"p"]),
            subject=text(values[b"s"]),
            label=text(values[b"l"]),
            percent=int(values[b"t"]),
            limit=int(values[b"m"]),
            spent=int(values[b"v"]),
            start_us=int(values[b"w"]),
            at_us=int(values[b"a"]),
        )
    cost = values[b"c"]
    return Line(
        id=item_id,
        at_us=int(values[b"a"]),
        cost=int(cost) if cost else None,
        budgets=read_budgets(values[b"b"]),
        entry=values[b"e"],
        unsettled=values.get(b"u") == b"1",
    )


def read_budgets(joined: bytes) -> tuple[str, ...]:
    """Read the budgets of a line: one in each line of a text."""
    return tuple(text(joined).split("\n")) if joined else ()


def read_counts(budget: bytes, value: bytes) -> list[Spent]:
    """Read the counts of all limits of a budget, as its key has them (see `values.lua`).

    Those of limits that are not asked for any more are left out.
    """
    place, _, subject = text(budget).partition(SEPARATOR)
    counts = msgspec.msgpack.decode(value)
    return [
        Spent(place, subject, label, start_us, spent, held)
        for label, (start_us, spent, held) in zip(counts[::2], counts[1::2], strict=False)
    ]


def text(written: bytes) -> str:
    """Return a text as it was before it was sent."""
    return written.decode("utf-8", "surrogateescape")
