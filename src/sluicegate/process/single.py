"""A replica in one process and one loop: what supervisor, worker and management do, together."""

from __future__ import annotations

import asyncio
import math
import os
from typing import TYPE_CHECKING

import structlog

from sluicegate.admin.actuator import Actuator, Info
from sluicegate.assemble import DataPlane, serve_app
from sluicegate.logs import LogWriter
from sluicegate.process import drain
from sluicegate.process.health import HealthView
from sluicegate.process.reload import Reloader
from sluicegate.process.status import Phase, Status, WorkerStatus, is_live, is_ready
from sluicegate.process.verdict import faults_of
from sluicegate.snapshot.policies import PolicyCatalog
from sluicegate.upstream.health.checker import Checker

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.errors import Fault
    from sluicegate.metrics import FamilyDump
    from sluicegate.process.serve import Setup
    from sluicegate.snapshot.document import Resources
    from sluicegate.upstream.health.news import News

STDOUT = 1


class Single:
    """The one process."""

    def __init__(self, setup: Setup) -> None:
        """Build the data plane; needs a running loop."""
        settings = setup.configuration.settings
        self._setup = setup
        self._log = structlog.get_logger()
        self._log_writer = LogWriter(STDOUT, setup.metrics)
        self._health = HealthView(setup.clock, math.inf)
        self._plane = DataPlane(
            settings,
            setup.clock,
            PolicyCatalog(),
            setup.metrics,
            self._log_writer.write,
            self._health,
            tell=self._tell,
        )
        self._checker = Checker(
            setup.clock,
            self._plane.resolver,
            self._plane.deadlines,
            self._plane.client_contexts,
            setup.metrics,
            self._plane.hear,
        )
        self.reloader = Reloader(setup, self)
        info = Info(settings.region.name, setup.clock.wall_us())
        self._actuator = Actuator(self, info, settings.management.listen)

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Run until asked to stop, then until what is in flight has ended.

        `on_ready` is called once, when both ports serve. Raises ConfigError when the configuration
        cannot be used.
        """
        setup = self._setup
        try:
            await self._plane.apply(setup.configuration.resources)
            self._watch()
            management = await serve_app(setup.management, self._actuator.handle, setup.clock)
            for sock in setup.sockets:
                await self._plane.listen(sock)
            self._health.heard(live=True, ready=True)
            async with asyncio.TaskGroup() as group:
                reloading = group.create_task(self.reloader.run())
                on_ready()
                await setup.stopping.asked.wait()
                reloading.cancel()
            await self._drain()
            await management.close()
        finally:
            self._checker.close()
            await self._plane.close()
            self._log_writer.close()
        self._log.info("ended")

    async def status(self) -> Status:
        """Describe the replica (a `Replica` of the actuator)."""
        draining = self._health.draining
        phase: Phase = "starting" if self._plane.revision is None else "ready"
        worker = WorkerStatus(
            slot=0,
            phase="draining" if draining else phase,
            pid=os.getpid(),
            revision=self._plane.revision,
            in_flight=self._plane.in_flight,
            restarts=0,
        )
        return Status(
            live=is_live([worker]),
            ready=is_ready([worker], draining=draining),
            draining=draining,
            revision=self._plane.revision,
            workers=[worker],
            reload=self.reloader.status,
        )

    async def scrape(self) -> list[FamilyDump]:
        """Return the metrics (a `Replica` of the actuator)."""
        return self._setup.metrics.dump()

    async def apply(self, resources: Resources) -> list[Fault]:
        """Take over a configuration (a `Target` of the reloader)."""
        faults = await faults_of(self._plane.apply(resources))
        if not faults:
            self._watch()
        return faults

    async def apply_tls(self) -> list[Fault]:
        """Read certificates again (a `Target` of the reloader)."""
        return await faults_of(self._plane.reload_tls())

    def _tell(self, news: News) -> None:
        """Have a target looked at that the data plane leaves out."""
        self._checker.hear(news)

    def _watch(self) -> None:
        """Check the targets of the services that run."""
        if self._plane.snapshot is not None:
            services = self._plane.snapshot.services
            self._checker.watch({name: service.config for name, service in services.items()})

    async def _drain(self) -> None:
        setup, stopping = self._setup, self._setup.stopping
        bounds = setup.configuration.settings.gateway.drain
        grace_s = float(bounds.grace) if stopping.grace else 0.0
        self._log.info("draining", grace_s=grace_s, deadline_s=float(bounds.deadline))
        await drain.grace(self._plane, self._health, grace_s, setup.clock, stopping.cut)
        await drain.finish(
            self._plane, setup.sockets, float(bounds.deadline), setup.clock, stopping.cut
        )
