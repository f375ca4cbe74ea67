"""What a replica is started with, for one process or many."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sluicegate.process.plane import ASSEMBLY
from sluicegate.process.slot import Timings

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics
    from sluicegate.process.loading import Configuration, Loader
    from sluicegate.process.signals import Stopping
    from sluicegate.process.watch import Watch


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that `serve` has prepared. `sockets` are bound and listening, one per worker."""

    configuration: Configuration
    sockets: list[socket.socket]
    management: socket.socket
    loader: Loader
    watch: Watch
    keep: Callable[[Configuration], None]
    stopping: Stopping
    reload_asked: asyncio.Event
    clock: Clock
    metrics: Metrics
    timings: Timings = field(default_factory=Timings)
    assembly: str = ASSEMBLY
