"""Entries of the ledger as rows, and back.

Much of an entry was said by others: by who called, or by a provider. A row that no server can hold
would stand in the way of all that wait behind it, so what does not fit is made to fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sluicegate.model.ledger import Entry
from sluicegate.state.contract import EXACT
from sluicegate.store.tables import ledger

if TYPE_CHECKING:
    from sqlalchemy import Row

LONGEST: Final = 500
"""Characters of a text; names of ours are shorter. An index of PostgreSQL holds 2700 bytes."""
LARGEST: Final = 2**31 - 1
"""Of the columns that have four bytes."""
SMALL: Final = frozenset({"status", "attempts"})
FIELDS: Final = Entry.__struct_fields__
COLUMNS: Final = tuple(ledger.c[name] for name in FIELDS)


def row_of(entry: Entry) -> dict[str, Any]:
    """Return an entry as a row of `ledger`."""
    return {name: _fitting(name, getattr(entry, name)) for name in FIELDS}


def entry_of(row: Row[Any]) -> Entry:
    """Make an entry of a row that has `COLUMNS`."""
    return Entry(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


def _fitting(name: str, value: object) -> object:
    if isinstance(value, str):
        # PostgreSQL has no NUL in a text, and UTF-8 no surrogates.
        clean = value.replace("\0", "\ufffd").encode(errors="replace").decode()
        return clean[:LONGEST]
    if isinstance(value, int) and not isinstance(value, bool):
        most = LARGEST if name in SMALL else EXACT
        return max(0, min(value, most))
    return value
