"""A replica in one process and one loop: what supervisor, worker and management do, together."""

from __future__ import annotations

import asyncio
import math
import os
from typing import TYPE_CHECKING

import structlog

from sluicegate.admin.actuator import Info
from sluicegate.admin.app_server import serve_app
from sluicegate.assemble import DataPlane
from sluicegate.errors import ConfigError
from sluicegate.logs import LogWriter
from sluicegate.process import drain
from sluicegate.process.drain import unless
from sluicegate.process.embedded_metrics import EmbeddedMetrics
from sluicegate.process.fitting import together
from sluicegate.process.health import HealthView
from sluicegate.process.ledger_side import LedgerSide
from sluicegate.process.reload import Reloader
from sluicegate.process.seeking import drain_used, tell_used
from sluicegate.process.seeking import forget as forget_keys
from sluicegate.process.status import Phase, Status, WorkerStatus, is_live, is_ready
from sluicegate.process.store_side import StoreSide, management_front
from sluicegate.process.verdict import faults_of
from sluicegate.snapshot.document import Resources
from sluicegate.snapshot.policies import PolicyCatalog
from sluicegate.state.redis.ledger import open_ledger
from sluicegate.upstream.health.checker import Checker

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.errors import Fault
    from sluicegate.metrics import FamilyDump
    from sluicegate.process.messages import Forget
    from sluicegate.process.serve import Setup
    from sluicegate.state.ledger import Ledger
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
        info = Info(settings.region.name, setup.clock.wall_us())
        self._front = management_front(settings, self, info)
        self._embedded = EmbeddedMetrics(settings, setup.clock, setup.metrics, self.scrape)
        self._ledger = LedgerSide(settings, setup.clock, setup.metrics)
        self._plane = DataPlane(
            settings,
            setup.clock,
            PolicyCatalog(),
            setup.metrics,
            self._log_writer.write,
            self._health,
            tell=self._tell,
            keys=self._make_store_side(),
            budgets=self._ledger,
        )
        if self._store is not None:
            self._store.archive = self._plane.archive
        self._checker = Checker(
            setup.clock,
            self._plane.resolver,
            self._plane.deadlines,
            self._plane.client_contexts,
            setup.metrics,
            self._plane.hear,
        )
        self.reloader = Reloader(setup, self)

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Run until asked to stop, then until what is in flight has ended.

        `on_ready` is called once, when both ports serve. Raises ConfigError when the configuration
        cannot be used.
        """
        setup = self._setup
        settings = setup.configuration.settings
        management = await serve_app(
            setup.management, self._front.handle, setup.clock, settings.management.tls
        )
        try:
            self._health.heard(live=True, ready=False)
            self._embedded.start()
            await self._ledger.start(self._waiting_ledger())
            self.declare(setup.configuration.source)
            starting = asyncio.create_task(self._first())
            await unless(setup.stopping.asked, asyncio.wait({starting}))
            if starting.done():
                starting.result()
                await self._serve(on_ready)
            starting.cancel()
        finally:
            await management.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._store is not None:
                await drain_used(self._plane.keyring, self._store.used)
            self._checker.close()
            await self._embedded.close()
            await self._plane.close()
            await self._ledger.close()
            if self._store is not None:
                await self._store.close()
            self._log_writer.close()
        self._log.info("ended")

    async def _first(self) -> None:
        """Run what file and store say together. Raises ConfigError."""
        faults = await self._take(self._setup.configuration.resources)
        if faults:
            raise ConfigError(faults)

    async def _serve(self, on_ready: Callable[[], None]) -> None:
        setup = self._setup
        for sock in setup.sockets:
            await self._plane.listen(sock)
        self._health.heard(live=True, ready=True)
        async with asyncio.TaskGroup() as group:
            beside = [
                group.create_task(self.reloader.run()),
                group.create_task(self._run_stored()),
            ]
            if self._store is not None:
                used = tell_used(self._plane.keyring, setup.clock, self._store.used)
                beside.append(group.create_task(used))
            on_ready()
            await setup.stopping.asked.wait()
            for task in beside:
                task.cancel()
        await self._drain()

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
        """Take over what a file declares (a `Target` of the reloader)."""
        before = self._file
        faults = await self._take(resources)
        if faults:
            await self._take(before)
        return faults

    def declare(self, source: bytes) -> None:
        """Take the text of the file (a `Target` of the reloader)."""
        if self._store is not None:
            task = asyncio.create_task(self._store.declare(source))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def deliver(self, stored: Resources) -> None:
        """Take what is stored and fits (a `Replica` of the keeper)."""
        self._stored = stored
        self._news.set()

    def forget(self, forget: Forget) -> None:
        """Forget what is known of keys (a `Replica` of the keeper)."""
        forget_keys(self._plane.keyring, forget)

    async def _take(self, file: Resources) -> list[Fault]:
        self._file = file
        if self._store is not None:
            faults = await self._store.take_file(file)
            if faults:
                return faults
        return await self._run_both()

    async def _run_both(self) -> list[Fault]:
        """Run what file and store say together."""
        self._news.clear()
        # In a thread: naming 10 000 resources by their hash takes longer than a slice.
        whole = await asyncio.to_thread(together, self._file, self._stored)
        faults = await faults_of(self._plane.apply(whole))
        if not faults:
            self._watch()
            if self._store is not None:
                self._store.running(whole.revision)
        return faults

    async def _run_stored(self) -> None:
        """Run what is delivered, as long as the replica lives."""
        while True:
            await self._news.wait()
            for fault in await self._run_both():
                self._log.error("what is stored is refused", path=fault.path, why=fault.message)

    def _make_store_side(self) -> StoreSide | None:
        """Make the store's side of this replica, where there is a store."""
        setup = self._setup
        settings = setup.configuration.settings
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._file, self._stored = setup.configuration.resources, Resources.of({})
        self._store = None
        if setup.stores:
            parts = (settings, setup.clock, setup.metrics)
            self._store = StoreSide(*parts, self, self._front.open, self._ledger)
        return self._store

    def _waiting_ledger(self) -> Ledger | None:
        """Return where lines wait: in the plane's own memory, or in a state that others see."""
        if self._plane.ledger is not None:
            return self._plane.ledger
        setup = self._setup
        settings = setup.configuration.settings
        waiting = settings.ledger.waiting
        return open_ledger(settings.state, setup.clock, setup.metrics, waiting)

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
