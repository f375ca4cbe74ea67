"""Services at run time, for tests that connect to nothing.

made = service(targets=["http://a:81"], balance="peak_ewma")
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sluicegate.clock import Clock
from sluicegate.metrics import Metrics
from sluicegate.model.service import Service
from sluicegate.model.units import convert
from sluicegate.upstream.contexts import ClientContexts
from sluicegate.upstream.health.news import News
from sluicegate.upstream.resolve import Resolver
from sluicegate.upstream.service import Surroundings, UpstreamService
from sluicegate.wire.deadlines import Deadlines
from support.mock_clock import MockClock


def surroundings(
    clock: Clock | None = None,
    *,
    metrics: Metrics | None = None,
    contexts: ClientContexts | None = None,
    tell: Callable[[News], None] = lambda _: None,
    workers: int = 1,
    zone: str | None = None,
) -> Surroundings:
    """Return what a worker gives its services."""
    clock = clock or MockClock()
    return Surroundings(
        clock=clock,
        deadlines=Deadlines(clock),
        metrics=metrics or Metrics(),
        resolver=Resolver(clock),
        contexts=contexts or ClientContexts(),
        tell=tell,
        workers=workers,
        zone=zone,
    )


def service(
    shared: Surroundings | None = None, previous: UpstreamService | None = None, **config: Any
) -> UpstreamService:
    """Build the service `s`."""
    return UpstreamService("s", convert(config, Service), shared or surroundings(), previous)
