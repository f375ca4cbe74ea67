"""GET /admin/v1/replicas: what every replica runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from litestar import Controller, get

from sluicegate.admin.identity import Caller, Controlled, Timed, require
from sluicegate.admin.instants import instant
from sluicegate.model.resource import Resource

SEEN_S: Final = 30
"""Whoever has said nothing for so long is gone; replicas report every 10 s."""


class Replica(Resource, frozen=True, kw_only=True):
    """One replica, as it said last.

    `revision` is the configuration that it runs, `arrival` how far it has read the store, `unfit`
    how many stored resources it leaves out because they do not fit.
    """

    replica: str
    region: str
    version: str
    revision: str
    arrival: int
    unfit: int
    seen_at: datetime


class Running(Resource, frozen=True, kw_only=True):
    """All of them."""

    items: Sequence[Replica]


class Replicas(Controller):
    """The replicas of this store."""

    path = "/replicas"
    tags = ["replicas"]

    @get(summary="Replicas, and what each of them runs")
    async def show(self, who: Caller, control: Controlled, clock: Timed) -> Running:
        """Return those that have said something in the last 5 minutes."""
        require(who, "read", "replicas")
        rows = await control.store.replicas(clock.wall_us() - SEEN_S * 1_000_000)
        return Running(
            items=[
                Replica(
                    replica=row.replica,
                    region=row.region,
                    version=row.version,
                    revision=row.revision,
                    arrival=row.arrival,
                    unfit=row.unfit,
                    seen_at=instant(row.seen_us),
                )
                for row in rows
            ]
        )
