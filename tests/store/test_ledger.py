from __future__ import annotations

from typing import get_args

from sluicegate.model.ledger import Entry
from sluicegate.store.ledger import DIMENSIONS, Dimension


def test_dimensions_are_fields_of_entries_or_times() -> None:
    assert get_args(Dimension) == DIMENSIONS
    assert set(DIMENSIONS) - set(Entry.__struct_fields__) == {"month", "day", "hour"}
