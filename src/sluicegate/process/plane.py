"""What the processes need of the data plane, and the module that builds it.

`assembly` is the name of a module with two things: `DataPlane` and `serve_app`. It is always
`sluicegate.assemble`, except in tests of the processes alone.
"""

from __future__ import annotations

import importlib
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.exchange import Exchange
    from sluicegate.metrics import Metrics
    from sluicegate.process.health import HealthView
    from sluicegate.settings import Settings
    from sluicegate.snapshot.document import Resources
    from sluicegate.snapshot.policies import PolicyCatalog

ASSEMBLY = "sluicegate.assemble"


class DataPlane(Protocol):
    """All that carries traffic in one worker."""

    metrics: Metrics

    @property
    def revision(self) -> str | None:
        """The configuration in use; None before the first."""

    @property
    def in_flight(self) -> int:
        """Exchanges that have begun and not ended."""

    async def apply(self, resources: Resources) -> None:
        """Compile and swap in. Raises ConfigError and keeps what was."""

    async def reload_tls(self) -> None:
        """Read the files of certificates again. Raises ConfigError and keeps what was."""

    async def listen(self, sock: socket.socket) -> None:
        """Accept from a bound socket, which stays the caller's until `stop_listening`."""

    def stop_listening(self, sock: socket.socket) -> None:
        """Accept from it no more. Does not close it."""

    def begin_drain(self) -> None:
        """Answer with `Connection: close` from now on, and close what is idle."""

    async def drained(self, deadline_s: float) -> None:
        """Return when nothing is in flight, or after cutting what is at the deadline."""

    async def close(self) -> None:
        """End everything."""


class AppServer(Protocol):
    """A listening HTTP server that is not the data plane."""

    async def close(self) -> None:
        """Stop accepting, end its connections."""


App = Callable[["Exchange"], Awaitable[None]]


class Assembly(Protocol):
    """The module that knows every part."""

    def DataPlane(  # noqa: N802 - it is a class
        self,
        settings: Settings,
        clock: Clock,
        catalog: PolicyCatalog,
        metrics: Metrics,
        write_log: Callable[[bytes], None],
        health: HealthView,
    ) -> DataPlane:
        """Build a data plane that holds nothing yet."""

    async def serve_app(self, sock: socket.socket, handle: App, clock: Clock) -> AppServer:
        """Serve `handle` over HTTP/1.1 on a bound socket."""


def load_assembly(name: str) -> Assembly:
    """Import the assembly. Deferred: processes without a data plane stay small."""
    return cast("Assembly", importlib.import_module(name))
