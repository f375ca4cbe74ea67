"""Compiles configurations that nobody runs, to see whether a worker could."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluicegate.assemble import DataPlane
from sluicegate.metrics import Metrics
from sluicegate.process.verdict import faults_of

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.errors import Fault
    from sluicegate.settings import Settings
    from sluicegate.snapshot.document import Resources
    from sluicegate.snapshot.policies import PolicyCatalog


class Trial:
    """A data plane that never listens. What has not changed since the last try costs little."""

    def __init__(self, settings: Settings, clock: Clock, catalog: PolicyCatalog) -> None:
        """Build it; its metrics are nobody's."""
        self._plane = DataPlane(settings, clock, catalog, Metrics(), _drop)

    async def compile(self, resources: Resources) -> list[Fault]:
        """Return what is wrong with a configuration, in slices of the loop's time."""
        if resources.revision == self._plane.revision:
            return []  # tried last, when it was not yet written
        return await faults_of(self._plane.apply(resources))

    async def close(self) -> None:
        """Let go of what was compiled."""
        await self._plane.close()


def _drop(line: bytes) -> None:
    """Nothing passes through, so there is nothing to log."""
    del line
