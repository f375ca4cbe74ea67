"""A data plane with a scripted upstream behind it, on a uvloop in a thread; tests talk by socket.

    with front(tmp_path, answering(response(body=b"hi"))) as at:
        with at.connect() as client:
            client.request(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").body
        at.upstream.requests[0].raw_head

Leaving asserts that nothing was logged as an error, and that no callback of the loop failed, unless
`expects_errors` says so. Time is the machine's, or a `MockClock` that `advance` moves.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import structlog
import uvloop

from sluicegate.clock import Clock
from sluicegate.upstream.service import UpstreamService
from sluicegate.upstream.target import Target
from support.gateway import Plane, data_plane
from support.mock_clock import MockClock
from support.ports import eventually
from support.raw_http import Connection, connect
from support.upstreams import Script, Upstream, echo

Result = TypeVar("Result")
Options = dict[str, Any]


class Front:
    """The gateway (`plane`) and what is behind it (`upstreams`), on one loop."""

    def __init__(self, upstreams: list[Upstream], clock: Clock) -> None:
        self.upstreams = upstreams
        self.upstream = upstreams[0]
        self.clock = clock
        self.plane: Plane
        self.failures: list[str] = []
        self.logs: list[MutableMapping[str, Any]] = []
        self._loop = uvloop.new_event_loop()
        self._loop.set_exception_handler(self._failed)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """The data port."""
        return self.plane.port

    @property
    def service(self) -> UpstreamService:
        """The service `up`, as it runs."""
        snapshot = self.plane.inner.snapshot
        assert snapshot is not None
        return snapshot.services["up"]

    def target(self, number: int = 0) -> Target:
        """The target of the service that is the upstream of this number."""
        return self.service.targets[number]

    @property
    def in_flight(self) -> int:
        """Exchanges that the gateway has begun and not ended."""
        return self.plane.inner.in_flight

    @property
    def open(self) -> int:
        """Connections of clients that the gateway holds."""
        return len(self.plane.inner.context.connections)

    def connect(self, *, timeout_s: float = 10) -> AbstractContextManager[Connection]:
        """Open a connection to the data port."""
        return connect(self.port, timeout_s=timeout_s)

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run `work` on the loop and wait for it, 20 s at most."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def do(self, step: Callable[[], Result]) -> Result:
        """Call `step` on the loop."""

        async def work() -> Result:
            return step()

        return self.call(work())

    def advance(self, seconds: float) -> None:
        """Move the mock clock, a tenth of a second at a time, and let the loop turn after each."""
        clock = self.clock
        assert isinstance(clock, MockClock)

        async def work() -> None:
            for _ in range(round(seconds * 10)):
                clock.advance(0.1)
                for _ in range(3):
                    await asyncio.sleep(0)

        self.call(work())

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Wait until `condition`, evaluated on the loop, holds."""
        eventually(lambda: self.do(condition), what, every_s=0.002)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the loop still, so that what is sent meanwhile arrives in one read."""
        free = threading.Event()
        self._loop.call_soon_threadsafe(free.wait)
        try:
            yield
        finally:
            free.set()

    def stop(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _failed(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.failures.append(f"{context.get('message')}: {context.get('exception')!r}")


def document(
    *urls: str,
    http: Options | None = None,
    gateway: Options | None = None,
    service: Options | None = None,
    route: Options | None = None,
) -> str:
    """Write the configuration of a gateway with one route to one service."""
    return json.dumps(
        {
            "gateway": {"http": http or {}, **(gateway or {})},
            "services": {"up": {"targets": urls, **(service or {})}},
            "routes": {"all": {"match": {"path": "/**"}, "service": "up", **(route or {})}},
        }
    )


@contextmanager
def front(
    folder: Path,
    script: Script = echo,
    *others: Script,
    clock: Clock | None = None,
    expects_errors: bool = False,
    **options: Options,
) -> Iterator[Front]:
    """Run a gateway before an upstream that follows `script`, and one more for each of `others`.

    `options` are those of `document`.
    """
    at = Front([Upstream(each) for each in (script, *others)], clock or Clock())
    with started(
        at, folder, lambda urls: document(*urls, **options), expects_errors=expects_errors
    ):
        yield at


@contextmanager
def started(
    at: Front,
    folder: Path,
    write: Callable[[list[str]], str],
    *,
    expects_errors: bool = False,
) -> Iterator[None]:
    """Run what `at` has; `write` makes the configuration from the URLs of its upstreams."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with structlog.testing.capture_logs() as at.logs:
            for upstream in at.upstreams:
                at.call(upstream.start())

            urls = [each.url for each in at.upstreams]
            try:
                running = data_plane(folder, write(urls), at.clock)
                at.plane = at.call(running.__aenter__())
                try:
                    yield
                finally:
                    at.call(running.__aexit__(None, None, None))
            finally:
                for upstream in at.upstreams:
                    at.call(upstream.stop())
        if not expects_errors:
            assert not at.failures, at.failures
            assert [line for line in at.logs if line["log_level"] == "error"] == []
    finally:
        at.stop()


async def opened(gate: threading.Event) -> None:
    """Wait, in a script, until the test's thread has set `gate`."""
    while not gate.is_set():  # noqa: ASYNC110 - it is set in another thread
        await asyncio.sleep(0.001)


def settles(at: Front) -> None:
    """Wait until nothing is in flight."""
    at.wait(lambda: not at.in_flight, "nothing is in flight")
