"""Starts a replica and stays until it has ended: what `sluicegate run` does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from sluicegate.clock import Clock
from sluicegate.errors import ConfigError
from sluicegate.metrics import Metrics
from sluicegate.process.cores import worker_count
from sluicegate.process.drain import unless
from sluicegate.process.loading import Configuration, Loader
from sluicegate.process.signals import Stopping, install
from sluicegate.process.slot import Timings
from sluicegate.process.sockets import address_of, bind
from sluicegate.process.watch import Watch
from sluicegate.snapshot.last_good import LastGood

if TYPE_CHECKING:
    from sluicegate.settings import Settings


@dataclass(frozen=True, slots=True)
class Setup:
    """What a replica is started with. `sockets` are bound and listening, one per worker.

    `settings` are those of the configuration, but for what the replica decides: where it counts.
    """

    configuration: Configuration
    settings: Settings
    sockets: list[socket.socket]
    management: socket.socket
    loader: Loader
    watch: Watch
    keep: Callable[[Configuration], None]
    stopping: Stopping
    reload_asked: asyncio.Event
    clock: Clock
    metrics: Metrics
    timings: Timings

    @property
    def stores(self) -> bool:
        """Whether there is a store beside the file."""
        return self.settings.store.exists


async def serve(path: Path, *, terminal: bool, timings: Timings | None = None) -> int:
    """Run a replica on the configuration at `path`; returns the exit status.

    Raises ConfigError that holds every fault, and CannotListen. `terminal`: see `signals`.
    """
    clock = Clock()
    timings = timings or Timings()
    stopping = Stopping(clock, terminal=terminal)
    reload_asked = asyncio.Event()
    install(stopping, reload_asked)
    loader = Loader(path, clock)
    try:
        configuration = await _load(loader, stopping)
        if configuration is None:
            return stopping.exit_status
        settings = configuration.settings
        with ExitStack() as stack:
            sockets = bind(settings.gateway.listen, worker_count(settings))
            for sock in sockets:
                stack.enter_context(sock)
            management = stack.enter_context(bind(settings.management.listen)[0])
            setup = Setup(
                configuration=configuration,
                settings=settings,
                sockets=sockets,
                management=management,
                loader=loader,
                watch=Watch(watched(path, settings), clock, timings.poll_s),
                keep=_keep,
                stopping=stopping,
                reload_asked=reload_asked,
                clock=clock,
                metrics=Metrics(),
                timings=timings,
            )
            try:
                await _run(setup)
            except ConfigError as error:
                raise ConfigError(await loader.locate(error.faults)) from None
    finally:
        await loader.close()
    return stopping.exit_status


async def _load(loader: Loader, stopping: Stopping) -> Configuration | None:
    """Load, unless asked to stop meanwhile."""
    loading = asyncio.create_task(loader.load())
    await unless(stopping.asked, asyncio.wait({loading}))
    if not loading.done():
        loading.cancel()
        await asyncio.wait({loading})
        return None
    return loading.result()


def watched(path: Path, settings: Settings) -> list[Path]:
    """Return the files whose change is a reload: the configuration and its certificates."""
    paths = [path]
    tls = settings.gateway.tls
    if tls is not None:
        for pair in tls.certificates:
            paths += [Path(pair.certificate), Path(pair.key)]
        if tls.client_ca is not None:
            paths.append(Path(tls.client_ca))
    return paths


async def _run(setup: Setup) -> None:
    addresses = [address_of(setup.sockets[0]), address_of(setup.management)]

    def on_ready() -> None:
        structlog.get_logger().info(
            "ready",
            gateway=addresses[0],
            management=addresses[1],
            workers=len(setup.sockets),
            revision=setup.configuration.resources.revision,
        )

    # Imported only when needed: a supervisor has no use for what carries traffic.
    if len(setup.sockets) == 1:
        from sluicegate.process.single import Single  # noqa: PLC0415 - see above

        await Single(setup).run(on_ready)
    else:
        from sluicegate.process.embedded import counting_together  # noqa: PLC0415 - see above
        from sluicegate.process.supervisor import Supervisor  # noqa: PLC0415 - see above

        together = counting_together(setup.settings, len(setup.sockets), setup.clock, setup.metrics)
        async with together as settings:
            await Supervisor(replace(setup, settings=settings)).run(on_ready)


def _keep(configuration: Configuration) -> None:
    LastGood(configuration.settings.data_dir).keep(configuration.source)
