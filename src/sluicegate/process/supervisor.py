"""The supervisor: holds the sockets, looks after the processes, reloads, drains, ends last."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from sluicegate.errors import ConfigError
from sluicegate.process import messages
from sluicegate.process.crew import Crew
from sluicegate.process.drain import unless
from sluicegate.process.reload import Reloader
from sluicegate.process.status import Status, is_live, is_ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.process.child import Child
    from sluicegate.process.serve import Setup


class Supervisor:
    """A replica of several processes."""

    def __init__(self, setup: Setup) -> None:
        """Start nothing yet."""
        self._setup = setup
        self._stopping = setup.stopping
        self._log = structlog.get_logger()

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Run until asked to stop, then until everything has ended.

        `on_ready` is called once, when all workers and management serve. Raises ConfigError when
        the workers cannot use the configuration that they are started with.
        """
        async with asyncio.TaskGroup() as self._group:
            self.crew = crew = Crew(self._setup, self._group, self._answer)
            self.reloader = Reloader(self._setup, crew)
            watching = self._group.create_task(crew.watch())
            await unless(self._stopping.asked, crew.ready.wait())
            if crew.ready.is_set() and not crew.refused:
                on_ready()
                reloading = self._group.create_task(self.reloader.run())
                await self._stopping.asked.wait()
                reloading.cancel()
            await self._drain(crew)
            await self._dismiss(crew)
            watching.cancel()
        if crew.refused:
            raise ConfigError(crew.refused)

    def status(self) -> Status:
        """Describe the replica."""
        workers = self.crew.statuses()
        return Status(
            live=is_live(workers),
            ready=is_ready(workers, draining=self.crew.draining),
            draining=self.crew.draining,
            revision=self.crew.revision,
            workers=workers,
            reload=self.reloader.status,
        )

    def _answer(self, question: messages.AnyMessage) -> None:
        if isinstance(question, messages.Report):
            self.crew.management.send(messages.Reported(question.number, self.status()))
        elif isinstance(question, messages.Scrape):
            self._group.create_task(self._answer_scrape(question.number))

    async def _answer_scrape(self, number: int) -> None:
        dump = await self.crew.scrape()
        self.crew.management.send(messages.Scraped(number, dump))

    async def _drain(self, crew: Crew) -> None:
        """Have the workers drain; return when they have ended, or should have."""
        bounds = self._setup.configuration.settings.gateway.drain
        served = any(post.slot.ready for post in crew.workers)
        grace_s = float(bounds.grace) if self._stopping.grace and served else 0.0
        deadline_s = float(bounds.deadline) if served else 0.0
        crew.draining = True
        crew.tell(messages.Drain(grace_s, deadline_s))
        crew.tick()
        self._log.info("draining", grace_s=grace_s, deadline_s=deadline_s)
        await unless(self._stopping.cut, self._setup.clock.sleep(grace_s))
        # From here on new connections are refused, once the workers have let go as well.
        for sock in self._setup.sockets:
            sock.close()
        limit_s = deadline_s + self._setup.timings.margin_s
        await unless(self._stopping.cut, _gone(_children(crew), limit_s))

    async def _dismiss(self, crew: Crew) -> None:
        """End what is left; management last, so that the end can be watched."""
        left = _children(crew)
        crew.tell(messages.Cut())
        await _gone(left, self._setup.timings.beat_s)
        for child in left:
            child.kill()
        if crew.management.child is not None:
            crew.management.child.channel.close()
        self._log.info("ended")


def _children(crew: Crew) -> list[Child]:
    return [post.child for post in crew.workers if post.child is not None]


async def _gone(children: list[Child], within_s: float) -> None:
    """Wait for the end of processes, for a while."""
    closed = [child.channel.closed for child in children]
    if closed:
        await asyncio.wait(closed, timeout=within_s)
