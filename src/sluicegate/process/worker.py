"""A worker process: one data plane, told what to do over its control channel.

It ends after `Drain` or `Cut`, and after a drain of its own when the supervisor is gone.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import structlog

from sluicegate.assemble import DataPlane
from sluicegate.clock import Clock
from sluicegate.errors import ConfigError
from sluicegate.logs import LogWriter, configure_logging
from sluicegate.metrics import Metrics
from sluicegate.process import drain, messages, runtime
from sluicegate.process.channel import Channel, open_channel
from sluicegate.process.health import HealthView
from sluicegate.process.ledger_asking import LedgerAsking
from sluicegate.process.ledger_moving import Mover
from sluicegate.process.seeking import Seeking, drain_used, forget, tell_used
from sluicegate.process.signals import leave_to_supervisor
from sluicegate.process.transfer import Inbox, unpack_settings
from sluicegate.process.verdict import faults_of
from sluicegate.snapshot.policies import PolicyCatalog
from sluicegate.state.contract import Crew

if TYPE_CHECKING:
    from sluicegate.snapshot.document import Resources
    from sluicegate.upstream.health.news import News

STDOUT = 1


class Worker:
    """What a worker is between `Start` and its end."""

    def __init__(self, start: messages.Start, channel: Channel, clock: Clock) -> None:
        """Build the data plane; nothing is served yet."""
        self.settings = unpack_settings(start.settings)
        self.done = asyncio.Event()
        self._start = start
        self._channel = channel
        self._clock = clock
        self._log = structlog.get_logger().bind(worker=start.slot)
        self._health = HealthView(clock, start.silence_s)
        metrics = Metrics()
        self._seeking = Seeking(channel.send)
        self._asking = LedgerAsking(channel.send)
        self._log_writer = LogWriter(STDOUT, metrics)
        self._plane = DataPlane(
            self.settings,
            clock,
            PolicyCatalog(),
            metrics,
            self._log_writer.write,
            self._health,
            tell=lambda news: channel.send(messages.Told(news)),
            crew=Crew(len(start.sockets), start.slot),
            keys=self._seeking if self.settings.store.exists else None,
            budgets=self._asking,
        )
        self._mover = self._make_mover(metrics)
        self._missed: list[News] = []
        self._sockets = [socket.socket(fileno=number) for number in start.sockets]
        self._accepting: dict[int, socket.socket] = {}
        self._inbox = Inbox()
        self._jobs: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()
        self._cut = asyncio.Event()
        self._leaving: asyncio.Task[None] | None = None
        work = (self._beat(), self._work(), tell_used(self._plane.keyring, clock, self._say_used))
        self._tasks = [asyncio.create_task(each) for each in work]

    def on_message(self, message: messages.AnyMessage) -> None:
        """Take a message. What has to happen in order is queued."""
        match message:
            case messages.Scrape():
                self._channel.send(messages.Scraped(message.number, self._plane.metrics.dump()))
            case messages.Health():
                self._health.heard(live=message.live, ready=message.ready)
            case messages.Told():
                self._hear(message.news)
            case messages.Adopt():
                self._jobs.put_nowait(lambda: self._accept(message.slot))
            case messages.Release():
                self._jobs.put_nowait(lambda: self._release(message.slot))
            case messages.Tls():
                self._jobs.put_nowait(lambda: self._reload_tls(message))
            case messages.Drain():
                self.leave(message)
            case messages.Cut():
                self._cut.set()
                self.leave(messages.Drain(0, 0))
            case _ if not self._hear_of_keys(message):
                self._take_resources(message)

    def _hear_of_keys(self, message: messages.AnyMessage) -> bool:
        """Take what management says of keys and of the ledger; says whether it was that."""
        match message:
            case messages.Sought():
                self._seeking.heard(message)
            case messages.Forget():
                forget(self._plane.keyring, message)
            case messages.Brought() | messages.Booked():
                self._asking.heard(message)
            case _:
                return False
        return True

    def leave(self, how: messages.Drain) -> None:
        """Begin to end, unless that is under way."""
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._leave(how))

    async def run(self) -> None:
        """Serve until the end; raises what broke."""
        ending = asyncio.create_task(self.done.wait())
        await asyncio.wait({ending, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in (ending, *self._tasks):
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        self._log_writer.close()
        for result in results:
            if isinstance(result, Exception):
                raise result

    def _take_resources(self, message: messages.AnyMessage) -> None:
        resources = self._inbox.take(message)
        if resources is not None and isinstance(message, messages.End):
            self._jobs.put_nowait(lambda: self._apply(resources, message.number))

    async def _work(self) -> None:
        while True:
            job = await self._jobs.get()
            await job()

    async def _beat(self) -> None:
        while True:
            self._channel.send(self._state())
            await self._clock.sleep(self._start.beat_s)

    def _say_used(self, used: dict[str, int]) -> None:
        self._channel.send(messages.Used(used))

    def _state(self) -> messages.Beat:
        return messages.Beat(
            ready=self._plane.revision is not None and self._start.slot in self._accepting,
            draining=self._health.draining,
            revision=self._plane.revision,
            in_flight=self._plane.in_flight,
        )

    async def _apply(self, resources: Resources, number: int) -> None:
        faults = await faults_of(self._plane.apply(resources))
        if self._missed and self._plane.revision is not None:
            missed, self._missed = self._missed, []
            for news in missed:
                self._plane.hear(news)
        if not faults and not self._accepting and self._leaving is None:
            await self._accept(self._start.slot)
            self._channel.send(self._state(), messages.Ready())
        self._channel.send(messages.Applied(number, self._plane.revision, faults))

    def _hear(self, news: News) -> None:
        """Take news of a target at once; before the first configuration there are no targets."""
        if self._plane.revision is None:
            self._missed.append(news)
        else:
            self._plane.hear(news)

    async def _reload_tls(self, message: messages.Tls) -> None:
        faults = await faults_of(self._plane.reload_tls())
        self._channel.send(messages.TlsApplied(message.number, faults))

    async def _accept(self, slot: int) -> None:
        if slot not in self._accepting and self._sockets:
            # A copy of the descriptor: releasing a slot and adopting it again must work.
            self._accepting[slot] = self._sockets[slot].dup()
            await self._plane.listen(self._accepting[slot])

    async def _release(self, slot: int) -> None:
        sock = self._accepting.pop(slot, None)
        if sock is not None:
            self._plane.stop_listening(sock)
            sock.close()

    async def _leave(self, how: messages.Drain) -> None:
        await drain.grace(self._plane, self._health, how.grace_s, self._clock, self._cut)
        self._channel.send(self._state())
        # Queues of other slots are theirs to empty; a copy held here would keep them open.
        for sock in self._sockets:
            sock.close()
        self._sockets = []
        sockets = list(self._accepting.values())
        await drain.finish(self._plane, sockets, how.deadline_s, self._clock, self._cut)
        await drain_used(self._plane.keyring, self._say_used)
        if self._mover is not None:
            await self._mover.close()
        self.done.set()

    def _make_mover(self, metrics: Metrics) -> Mover | None:
        """Where this worker counts by itself, its lines of the ledger go to management."""
        ledger = self._plane.ledger
        if ledger is None:
            return None
        name = f"worker {self._start.slot}"
        mover = Mover(ledger, self._asking, self._clock, metrics, lambda _: True, name=name)
        mover.start()
        return mover


async def work(control: socket.socket, clock: Clock) -> None:
    """Be a worker: wait for `Start`, then follow the channel to the end."""
    worker: asyncio.Future[Worker] = asyncio.get_running_loop().create_future()

    def on_message(message: messages.AnyMessage) -> None:
        if worker.done():
            worker.result().on_message(message)
        elif isinstance(message, messages.Start):
            try:
                worker.set_result(Worker(message, channel, clock))
            except ConfigError as error:
                channel.send(messages.Applied(0, None, error.faults))
                channel.close()

    channel = await open_channel(control)
    channel.listen(on_message)
    waiting: set[asyncio.Future[Any]] = {worker, channel.closed}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if worker.done():
        me = worker.result()
        deadline_s = float(me.settings.gateway.drain.deadline)
        channel.closed.add_done_callback(lambda _: me.leave(messages.Drain(0, deadline_s)))
        await me.run()
    channel.close()


def main() -> None:
    """Run as `python -m sluicegate.process.worker <control descriptor>`."""
    leave_to_supervisor()
    configure_logging()
    control = socket.socket(fileno=int(sys.argv[1]))
    runtime.run(work(control, Clock()))


if __name__ == "__main__":
    main()
