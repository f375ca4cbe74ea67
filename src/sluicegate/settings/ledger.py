"""Settings of the ledger: what calls of models used and cost."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from sluicegate.model.resource import FieldFault, Resource
from sluicegate.model.units import Duration

LEAST_S: Final = 1
MOST_S: Final = 3600
LEAST_RETENTION_S: Final = 60
"""The shortest period of a budget."""


class Ledger(Resource, frozen=True, kw_only=True):
    """What calls of models used and cost, kept in the store."""

    retention: Annotated[
        Duration, Meta(description="How long entries are kept. Budgets need those of their period.")
    ] = Duration(400 * 86400)
    waiting: Annotated[
        int,
        Meta(
            ge=100,
            le=10_000_000,
            description="Entries that may wait in the state while the store is away, about 0.5 KiB "
            "each; what comes beyond them is added up by the minute.",
        ),
    ] = 1_000_000
    reservation: Annotated[
        Duration,
        Meta(
            description="What was reserved of a budget is charged, where whoever reserved it was "
            "not heard of for this long. `1s` to `1h`.",
        ),
    ] = Duration(60)

    def __post_init__(self) -> None:
        """Refuse what cannot be kept."""
        if self.retention < LEAST_RETENTION_S:
            raise FieldFault(("retention",), f"found {self.retention}; expected at least `1m`")
        if not LEAST_S <= self.reservation <= MOST_S:
            raise FieldFault(("reservation",), f"found {self.reservation}; expected `1s` to `1h`")
