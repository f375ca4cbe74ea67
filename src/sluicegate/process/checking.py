"""The checks of a replica of several processes: made in the management process.

What it needs of the data plane it has for itself: names, TLS contexts, deadlines. Its services come
as they come to workers; one that has not changed is not even read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluicegate.snapshot.document import decode
from sluicegate.upstream.address_guard import AddressGuard
from sluicegate.upstream.contexts import ClientContexts
from sluicegate.upstream.health.checker import Checker
from sluicegate.upstream.resolve import Resolver
from sluicegate.wire.deadlines import Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.model.service import Service
    from sluicegate.settings import Settings
    from sluicegate.snapshot.document import Resources
    from sluicegate.upstream.health.news import News


class Checking:
    """A checker with what it runs on."""

    def __init__(
        self, settings: Settings, clock: Clock, metrics: Metrics, tell: Callable[[News], None]
    ) -> None:
        """Check nothing yet. `tell` takes verdicts, for all workers."""
        self.contexts = ClientContexts()
        self._deadlines = Deadlines(clock)
        self._resolver = Resolver(clock, guard=AddressGuard(settings.gateway.private_networks))
        self._checker = Checker(
            clock, self._resolver, self._deadlines, self.contexts, metrics, tell
        )
        self._services: dict[str, tuple[bytes, Service]] = {}
        self._deadlines.start()

    def apply(self, resources: Resources) -> None:
        """Check these services from now on, and no others."""
        known, self._services = self._services, {}
        for (kind, name), raw in resources.items.items():
            if kind == "service":
                before = known.get(name)
                same = before is not None and before[0] == raw
                self._services[name] = before if before and same else (raw, decode(kind, raw))
        self._checker.watch({name: service for name, (_, service) in self._services.items()})

    def hear(self, news: News) -> None:
        """Take news from the workers."""
        self._checker.hear(news)

    async def close(self) -> None:
        """Check nothing any more."""
        self._checker.close()
        await self._resolver.close()
        self._deadlines.stop()
