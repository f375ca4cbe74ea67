"""The management process: serves the management port and asks the supervisor for what it shows."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING, Any

from sluicegate.admin.actuator import Actuator, Info, Silent
from sluicegate.assemble import serve_app
from sluicegate.clock import Clock
from sluicegate.logs import configure_logging
from sluicegate.process import messages, runtime
from sluicegate.process.channel import Channel, open_channel
from sluicegate.process.signals import leave_to_supervisor
from sluicegate.process.transfer import unpack_settings

if TYPE_CHECKING:
    from sluicegate.metrics import FamilyDump
    from sluicegate.process.status import Status

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


async def manage(control: socket.socket, clock: Clock) -> None:
    """Be the management process until the supervisor closes the channel."""
    start: asyncio.Future[messages.Start] = asyncio.get_running_loop().create_future()

    def on_message(message: messages.AnyMessage) -> None:
        if isinstance(message, messages.Start):
            start.set_result(message)
        else:
            hub.on_message(message)

    channel = await open_channel(control)
    hub = Hub(channel)
    channel.listen(on_message)
    waiting: set[asyncio.Future[Any]] = {start, channel.closed}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if not start.done():
        return
    await _serve(start.result(), channel, hub, clock)


async def _serve(start: messages.Start, channel: Channel, hub: Hub, clock: Clock) -> None:
    settings = unpack_settings(start.settings)
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
