"""Entries of the ledger as rows, and back.

Much of an entry was said by others: by who called, or by a provider. A row that no server can hold
would stand in the way of all that wait behind it, so what does not fit is made to fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import astuple
from sqlalchemy import String

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
FLAGS: Final = frozenset({"estimated", "unsettled", "from_cache", "stream"})
TEXTS: Final = tuple(name for name in FIELDS if isinstance(ledger.c[name].type, String))
WIDE: Final = frozenset({"at_us", "cost"})
"""Numbers that are often more than four bytes."""
TEXT_PLACES: Final = tuple(at for at, name in enumerate(FIELDS) if name in TEXTS)
NUMBER_PLACES: Final = tuple(
    at for at, name in enumerate(FIELDS) if name not in FLAGS | WIDE and name not in TEXTS
)


def row_of(entry: Entry) -> tuple[Any, ...]:
    """Return an entry as a row of `ledger`, in the order of `COLUMNS`."""
    values = astuple(entry)
    if _fits(entry, values):
        return values
    return tuple(map(_fitting, FIELDS, values))


def _fits(entry: Entry, values: tuple[Any, ...]) -> bool:
    """Say whether nothing has to be made to fit, as of nearly all: one look for many fields."""
    said = "".join([values[at] or "" for at in TEXT_PLACES])
    numbers = [values[at] for at in NUMBER_PLACES]
    return (
        said.isascii() and "\0" not in said and len(said) <= LONGEST
        and min(numbers) >= 0 and max(numbers) <= LARGEST
        and 0 <= entry.at_us <= EXACT and 0 <= (entry.cost or 0) <= EXACT
    )  # fmt: skip


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
