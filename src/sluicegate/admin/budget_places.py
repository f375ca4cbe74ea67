"""What the names of a budget's counts say: whom it counts, where, and over which time.

Counts are kept under a place, `budget;<name>;<by>;<scope>`, a subject, and a label for each period,
`spending-<period>`, as `journey/limit/budget_terms.py` makes them. Read from there, nobody needs
to know the configuration that they were made under, which may have changed since.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, get_args

from sluicegate.journey.limit.algorithms.period import period_at
from sluicegate.journey.limit.budget_subject import budget_subject
from sluicegate.journey.limit.budget_terms import SCOPES
from sluicegate.model.resource import FieldFault

Period = Literal["minute", "hour", "day", "month"]

LABEL: Final = "spending-"
SECOND_US: Final = 1_000_000
PARTS: Final = 4
PERIODS: Final[tuple[Period, ...]] = get_args(Period)
LENGTHS_US: Final[dict[Period, int]] = {
    "minute": 60 * SECOND_US,
    "hour": 3600 * SECOND_US,
    "day": 86400 * SECOND_US,
    "month": 0,
}
"""As algorithms take them: 0 is a calendar month."""


class BudgetPlace(NamedTuple):
    """A place, read. `by` are fields of the ledger's entries, `scope` is `route:<name>` or such."""

    name: str
    by: tuple[str, ...]
    scope: str


def read_place(place: str) -> BudgetPlace | None:
    """Return what a place says; None where it is none of a budget."""
    parts = place.split(";")
    if len(parts) != PARTS or parts[0] != "budget":
        return None
    _, name, by, scope = parts
    return BudgetPlace(name, tuple(by.split(",")), scope)


def entries_of(place: str, subject: str) -> dict[str, str | None] | None:
    """Return which entries counts are the sum of: fields and values. None where nobody knows."""
    read = read_place(place)
    if read is None:
        return None
    try:
        where = budget_subject(read.by).where(subject)
    except (FieldFault, ValueError):
        return None
    kind, _, name = read.scope.partition(":")
    field = SCOPES.get(kind)
    if field is not None:
        where[field] = name
    return where


def period_of(label: str) -> Period | None:
    """Return the period of counts; None for a label that is none of a budget."""
    return next((period for period in PERIODS if label == LABEL + period), None)


def bounds_of(period: Period, at_us: int) -> tuple[int, int]:
    """Return when the period around a time begins and ends, UTC microseconds since 1970."""
    return period_at(at_us, LENGTHS_US[period])
