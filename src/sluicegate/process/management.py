"""The management process: serves the management port, keeps the store, checks targets.

It asks the supervisor for what it shows; what it has counted itself it is asked for, like a worker.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import structlog

from sluicegate.admin.actuator import Info, Silent
from sluicegate.admin.app_server import serve_app
from sluicegate.clock import Clock
from sluicegate.errors import ConfigError, Fault, StateAway, StoreAway
from sluicegate.logs import configure_logging
from sluicegate.metrics import Metrics
from sluicegate.process import messages, runtime
from sluicegate.process.channel import Channel, open_channel
from sluicegate.process.checking import Checking
from sluicegate.process.embedded_metrics import EmbeddedMetrics
from sluicegate.process.ledger_side import LedgerSide
from sluicegate.process.questions import Questions
from sluicegate.process.seeking import pack
from sluicegate.process.signals import leave_to_supervisor
from sluicegate.process.store_side import StoreSide, management_front
from sluicegate.process.transfer import Inbox, frames, services_of, unpack_settings
from sluicegate.process.verdict import faults_of
from sluicegate.snapshot.document import Resources
from sluicegate.state.archive import open_archive
from sluicegate.state.redis.ledger import open_ledger

if TYPE_CHECKING:
    from sluicegate.admin.bridge import Bridge
    from sluicegate.admin.front import Front
    from sluicegate.metrics import FamilyDump
    from sluicegate.process.status import Status
    from sluicegate.settings import Settings
    from sluicegate.state.archive import Archive

ANSWER_S = 2.0
"""For an answer of the supervisor. It gives workers 250 ms, so this means that it hangs."""


class Hub:
    """The replica as the supervisor knows it."""

    def __init__(self, channel: Channel) -> None:
        """Ask over `channel`."""
        self._questions: Questions[Any] = Questions(channel.send)

    async def status(self) -> Status:
        """Return the details of health. Raises Silent."""
        status: Status = await self._ask(messages.Report)
        return status

    async def scrape(self) -> list[FamilyDump]:
        """Return the metrics of all workers. Raises Silent."""
        dump: list[FamilyDump] = await self._ask(messages.Scrape)
        return dump

    def on_message(self, message: messages.AnyMessage) -> None:
        """Take an answer; one that comes too late is dropped."""
        match message:
            case messages.Reported(number, content) | messages.Scraped(number, content):
                self._questions.answer(number, content)

    async def _ask(self, write: Callable[[int], messages.Message]) -> Any:  # noqa: ANN401 - both
        return await self._questions.ask(write, ANSWER_S, Silent("the supervisor does not answer"))


class Desk:
    """What the supervisor asks of this process between `Start` and the end."""

    def __init__(
        self,
        start: messages.Start,
        settings: Settings,
        channel: Channel,
        hub: Hub,
        clock: Clock,
        on_admin: Callable[[Bridge], None],
    ) -> None:
        """Check nothing before the first configuration. `on_admin` takes the admin API.

        Raises ConfigError where files of TLS cannot be used.
        """
        self._arrival = start.arrival
        self._channel = channel
        self._hub = hub
        self._metrics = Metrics()
        self._inbox = Inbox()
        self._tasks: set[asyncio.Task[None]] = set()
        self._file = Resources.of({})
        self._delivered: Resources | None = None
        self._checking = Checking(
            settings, clock, self._metrics, lambda news: channel.send(messages.Told(news))
        )
        self._embedded = EmbeddedMetrics(settings, clock, self._metrics, hub.scrape)
        self._embedded.start()
        self._ledger = LedgerSide(settings, clock, self._metrics)
        waiting = settings.ledger.waiting
        ledger = open_ledger(settings.state, clock, self._metrics, waiting)
        self._store: StoreSide | None = None
        self._archive: Archive | None = None
        if settings.store.exists:
            parts = (settings, clock, self._metrics)
            self._store = StoreSide(*parts, self, on_admin, self._ledger)
            self._store.archive = self._archive = open_archive(settings, clock, workers=2)
        self._begin(self._ledger.start(ledger))

    def on_message(self, message: messages.AnyMessage) -> None:
        """Take a message."""
        match message:
            case messages.Told():
                self._checking.hear(message.news)
            case messages.Scrape():
                self._channel.send(messages.Scraped(message.number, self._metrics.dump()))
            case messages.Tls():
                self._begin(self._reload_tls(message.number))
            case messages.Reported() | messages.Scraped():
                self._hub.on_message(message)
            case messages.Seek() | messages.Bring() | messages.Book():
                self._begin(self._answer(message))
            case messages.Used() if self._store is not None:
                self._store.used(message.keys)
            case messages.Declared() if self._store is not None:
                self._begin(self._store.declare(message.source))
            case messages.Running():
                self._runs(message.revision)
            case _:
                self._take_resources(message)

    async def close(self) -> None:
        """Check nothing any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._embedded.close()
        await self._ledger.close()
        if self._store is not None:
            await self._store.close()
        if self._archive is not None:
            self._archive.close()
        await self._checking.close()

    # --- a `Replica` of the keeper ---

    def deliver(self, stored: Resources) -> None:
        """Give the supervisor what is stored and fits."""
        self._channel.send(*frames(self._delivered, stored, 0))
        self._delivered = stored

    def forget(self, forget: messages.Forget) -> None:
        """Have workers forget what they know of keys."""
        self._channel.send(forget)

    # --- what it does ---

    def _take_resources(self, message: messages.AnyMessage) -> None:
        resources = self._inbox.take(message)
        if resources is None or not isinstance(message, messages.End):
            return
        if self._store is None:
            self._checking.apply(resources)
            self._channel.send(messages.Applied(message.number, resources.revision, []))
        else:
            self._file = resources
            self._begin(self._take_file(self._store, resources, message.number))

    async def _take_file(self, store: StoreSide, file: Resources, number: int) -> None:
        # Whatever it is, an answer has to be given: the supervisor waits for it.
        try:
            faults = await store.take_file(file, self._arrival)
        except Exception as error:  # noqa: BLE001 - see above
            structlog.get_logger().exception("the store cannot be used")
            faults = [Fault("store", 0, f"it cannot be used: {type(error).__name__}")]
        revision = None if faults else file.revision
        self._channel.send(messages.Applied(number, revision, faults))

    def _runs(self, revision: str) -> None:
        """Check the targets of what the workers have now."""
        if self._store is not None:
            self._store.running(revision)
        if self._delivered is not None:
            items = {**self._delivered.items, **self._file.items}
            self._checking.apply(services_of(Resources(revision=revision, items=items)))

    async def _answer(self, question: messages.Seek | messages.Bring | messages.Book) -> None:
        match question:
            case messages.Seek():
                await self._seek(question)
            case messages.Bring():
                await self._bring(question)
            case messages.Book():
                await self._book(question)

    async def _seek(self, question: messages.Seek) -> None:
        found, away = None, self._store is None
        try:
            if self._store is not None:
                found = pack(await self._store.find(question.name))
        except StoreAway:
            away = True
        except Exception:  # noqa: BLE001 - an answer has to be given; the worker waits
            structlog.get_logger().exception("a key could not be looked up")
            away = True
        self._channel.send(messages.Sought(question.number, found, away))

    async def _bring(self, question: messages.Bring) -> None:
        away = True
        try:
            await self._ledger.bring(question.wanted)
            away = False
        except (StateAway, StoreAway):
            pass
        except Exception:  # noqa: BLE001 - an answer has to be given; the worker waits
            structlog.get_logger().exception("what was spent could not be looked up")
        self._channel.send(messages.Brought(question.number, away))

    async def _book(self, question: messages.Book) -> None:
        came, away = 0, True
        try:
            came = await self._ledger.book(question.entries)
            away = False
        except StoreAway:
            pass
        except Exception:  # noqa: BLE001 - an answer has to be given; the worker waits
            structlog.get_logger().exception("entries of the ledger could not be kept")
        self._channel.send(messages.Booked(question.number, came, away))

    async def _reload_tls(self, number: int) -> None:
        faults = await faults_of(asyncio.to_thread(self._checking.contexts.reload))
        self._channel.send(messages.TlsApplied(number, faults))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def manage(control: socket.socket, clock: Clock) -> None:
    """Be the management process until the supervisor closes the channel."""
    started: asyncio.Future[tuple[messages.Start, Settings, Desk, Front]]
    started = asyncio.get_running_loop().create_future()

    def on_message(message: messages.AnyMessage) -> None:
        if started.done():
            started.result()[2].on_message(message)
        elif isinstance(message, messages.Start):
            settings = unpack_settings(message.settings)
            info = Info(settings.region.name, message.started_us)
            front = management_front(settings, hub, info)

            try:
                desk = Desk(message, settings, channel, hub, clock, front.open)
            except ConfigError as error:
                channel.send(messages.Applied(0, None, error.faults))
                channel.close()
                return
            started.set_result((message, settings, desk, front))

    channel = await open_channel(control)
    hub = Hub(channel)
    channel.listen(on_message)
    waiting: set[asyncio.Future[Any]] = {started, channel.closed}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if not started.done():
        return
    start, settings, desk, front = started.result()
    await _serve(start, settings, channel, front, clock)
    await desk.close()


async def _serve(
    start: messages.Start, settings: Settings, channel: Channel, front: Front, clock: Clock
) -> None:
    sock = socket.socket(fileno=start.sockets[0])
    server = await serve_app(sock, front.handle, clock, settings.management.tls)
    channel.send(messages.Ready())
    while not channel.closed.done():
        channel.send(messages.Beat())
        await asyncio.wait({channel.closed}, timeout=start.beat_s)
    await server.close()
    sock.close()


def main() -> None:
    """Run as `python -m sluicegate.process.management <control descriptor>`."""
    leave_to_supervisor()
    configure_logging()
    control = socket.socket(fileno=int(sys.argv[1]))
    runtime.run(manage(control, Clock()))


if __name__ == "__main__":
    main()
