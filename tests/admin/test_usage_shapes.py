from __future__ import annotations

from datetime import UTC, datetime

from sluicegate.admin.usage_shapes import UsageEntry, UsageItem, entry_shown, row_shown
from sluicegate.model.ledger import Entry
from sluicegate.store.ledger import UsageRow
from support.mock_clock import EPOCH_US

ROW = UsageRow(
    values=("acme", None), requests=1, failed=2, cached_requests=3, estimated=4, unsettled=5,
    unpriced=6, input=7, output=8, cached=9, cache_write=10, reasoning=11, cost=12_500_000,
    bytes_in=13, bytes_out=14,
)  # fmt: skip


def test_sums_are_shown_with_their_units() -> None:
    item = row_shown(("consumer", "model"), ROW)
    assert item.group == {"consumer": "acme", "model": None}
    assert (item.cost_nano_usd, item.cost_usd) == (12_500_000, "0.0125")
    columns = UsageItem.columns(("consumer", "model"))
    cells = dict(zip(columns, item.cells(), strict=True))
    assert list(cells.values()) == [
        "acme", None, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12_500_000, "0.0125", 13, 14,
    ]  # fmt: skip
    assert cells["reasoning_tokens"] == 11


def test_every_field_of_an_entry_is_shown_once() -> None:
    shown = {name.removesuffix("_tokens") for name in UsageEntry.__struct_fields__}
    kept = set(Entry.__struct_fields__) - {"at_us", "cost"}
    assert shown == kept | {"at", "cost_nano_usd", "cost_usd"}
    for number, name in enumerate(sorted(kept)):
        entry = Entry(**{"id": "x", "at_us": EPOCH_US, "cost": 1, name: number})  # type: ignore[arg-type]
        told = entry_shown(entry)
        field = name if hasattr(told, name) else f"{name}_tokens"
        assert getattr(told, field) == number


def test_a_cost_that_nobody_knows_is_not_nothing() -> None:
    entry = entry_shown(Entry(id="x", at_us=EPOCH_US, cost=None))
    assert (entry.cost_nano_usd, entry.cost_usd) == (None, None)
    assert entry.at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert "2023-11-14T22:13:20+00:00" in entry.cells()
