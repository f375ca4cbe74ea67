"""The management process: serves the management port, and checks the targets of services.

It asks the supervisor for what it shows; what it has counted itself it is asked for, like a worker.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING, Any

from sluicegate.admin.actuator import Actuator, Info, Silent
from sluicegate.assemble import serve_app
from sluicegate.clock import Clock
from sluicegate.logs import configure_logging
from sluicegate.metrics import Metrics
from sluicegate.process import messages, runtime
from sluicegate.process.channel import Channel, open_channel
from sluicegate.process.checking import Checking
from sluicegate.process.signals import leave_to_supervisor
from sluicegate.process.transfer import Inbox, unpack_settings
from sluicegate.process.verdict import faults_of

if TYPE_CHECKING:
    from sluicegate.metrics import FamilyDump
    from sluicegate.process.status import Status
    from sluicegate.settings import Settings

ANSWER_S = 2.0
"""For an answer of the supervisor. It gives workers 250 ms, so this means that it hangs."""


class Hub:
    """The replica as the supervisor knows it."""

    def __init__(self, channel: Channel) -> None:
        """Ask over `channel`."""
        self._channel = channel
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def status(self) -> Status:
        """Return the details of health. Raises Silent."""
        self._number += 1
        status: Status = await self._ask(messages.Report(self._number))
        return status

    async def scrape(self) -> list[FamilyDump]:
        """Return the metrics of all workers. Raises Silent."""
        self._number += 1
        dump: list[FamilyDump] = await self._ask(messages.Scrape(self._number))
        return dump

    def on_message(self, message: messages.AnyMessage) -> None:
        """Take an answer; one that comes too late is dropped."""
        match message:
            case messages.Reported(number, content) | messages.Scraped(number, content):
                waiting = self._waiting.get(number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(content)

    async def _ask(self, question: messages.Report | messages.Scrape) -> Any:  # noqa: ANN401 - both
        answer = asyncio.get_running_loop().create_future()
        self._waiting[question.number] = answer
        self._channel.send(question)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except TimeoutError:
            raise Silent("the supervisor does not answer") from None
        finally:
            del self._waiting[question.number]


class Desk:
    """What the supervisor asks of this process between `Start` and the end."""

    def __init__(self, settings: Settings, channel: Channel, hub: Hub, clock: Clock) -> None:
        """Check nothing before the first configuration."""
        self._channel = channel
        self._hub = hub
        self._metrics = Metrics()
        self._inbox = Inbox()
        self._reading: set[asyncio.Task[None]] = set()
        self._checking = Checking(
            settings, clock, self._metrics, lambda news: channel.send(messages.Told(news))
        )

    def on_message(self, message: messages.AnyMessage) -> None:
        """Take a message."""
        match message:
            case messages.Told():
                self._checking.hear(message.news)
            case messages.Scrape():
                self._channel.send(messages.Scraped(message.number, self._metrics.dump()))
            case messages.Tls():
                task = asyncio.create_task(self._reload_tls(message.number))
                self._reading.add(task)
                task.add_done_callback(self._reading.discard)
            case messages.Reported() | messages.Scraped():
                self._hub.on_message(message)
            case _:
                self._take_services(message)

    async def close(self) -> None:
        """Check nothing any more."""
        await self._checking.close()

    def _take_services(self, message: messages.AnyMessage) -> None:
        services = self._inbox.take(message)
        if services is not None and isinstance(message, messages.End):
            self._checking.apply(services)
            self._channel.send(messages.Applied(message.number, services.revision, []))

    async def _reload_tls(self, number: int) -> None:
        faults = await faults_of(asyncio.to_thread(self._checking.contexts.reload))
        self._channel.send(messages.TlsApplied(number, faults))


async def manage(control: socket.socket, clock: Clock) -> None:
    """Be the management process until the supervisor closes the channel."""
    started: asyncio.Future[tuple[messages.Start, Settings, Desk]]
    started = asyncio.get_running_loop().create_future()

    def on_message(message: messages.AnyMessage) -> None:
        if started.done():
            started.result()[2].on_message(message)
        elif isinstance(message, messages.Start):
            settings = unpack_settings(message.settings)
            started.set_result((message, settings, Desk(settings, channel, hub, clock)))

    channel = await open_channel(control)
    hub = Hub(channel)
    channel.listen(on_message)
    waiting: set[asyncio.Future[Any]] = {started, channel.closed}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if not started.done():
        return
    start, settings, desk = started.result()
    await _serve(start, settings, channel, hub, clock)
    await desk.close()


async def _serve(
    start: messages.Start, settings: Settings, channel: Channel, hub: Hub, clock: Clock
) -> None:
    app = Actuator(hub, Info(settings.region.name, start.started_us), settings.management.listen)
    sock = socket.socket(fileno=start.sockets[0])
    server = await serve_app(sock, app.handle, clock)
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
