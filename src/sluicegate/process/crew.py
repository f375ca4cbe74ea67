"""The workers and the management process: started, fed, watched, replaced."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

import structlog

from sluicegate.process import messages
from sluicegate.process.board import Board
from sluicegate.process.child import start_child
from sluicegate.process.errands import Errands
from sluicegate.process.fitting import together
from sluicegate.process.post import Post
from sluicegate.process.slot import Slot
from sluicegate.process.status import is_live, is_ready
from sluicegate.process.tally import Tally, merge
from sluicegate.process.transfer import Inbox, pack_settings, services_of
from sluicegate.snapshot.document import Resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sluicegate.errors import Fault
    from sluicegate.metrics import FamilyDump
    from sluicegate.process.serve import Setup
    from sluicegate.process.status import WorkerStatus

WORKER = "sluicegate.process.worker"
MANAGEMENT = "sluicegate.process.management"


class Crew:
    """All processes below the supervisor, but for the loader. Runs in `group`."""

    def __init__(
        self,
        setup: Setup,
        group: asyncio.TaskGroup,
        ask: Callable[[messages.AnyMessage], None],
    ) -> None:
        """Start nothing yet. `ask` takes questions of the management process."""
        self.ready = asyncio.Event()
        self.draining = False
        self.refused: list[Fault] = []
        now = setup.clock.monotonic()
        self.workers = [Post(Slot(n, setup.timings, now)) for n in range(len(setup.sockets))]
        self.management = Post(Slot(-1, setup.timings, now))
        self._setup = setup
        self._clock = setup.clock
        self._group = group
        self._ask = ask
        self._file = setup.configuration.resources
        self._stored = None if setup.stores else Resources.of({})
        self._ran = self._stored
        self._resources = together(self._file, self._stored or Resources.of({}))
        self._inbox = Inbox()
        self._applying = asyncio.Lock()
        self._errands = Errands(self.management)
        self._source = setup.configuration.source
        self._started_us = setup.clock.wall_us()
        self._log = structlog.get_logger()
        self._tally = Tally()
        self._board = Board()
        self._said: tuple[bool, bool] | None = None
        self._said_at = self._ticked_at = now
        self._restarts = setup.metrics.family(
            "sluicegate_worker_restarts_total", "counter", "Workers replaced.", ("cause",)
        )
        for cause in ("crashed", "silent"):
            self._restarts.cell(cause)
        self._stale = setup.metrics.family(
            "sluicegate_worker_stale",
            "gauge",
            "1 for a worker whose values are of an earlier scrape: it did not answer this one.",
            ("worker",),
        )

    # --- watching ---

    async def watch(self) -> None:
        """Look after everyone, until cancelled."""
        while True:
            self.tick()
            await self._clock.sleep(self._setup.timings.tick_s)

    def tick(self) -> None:
        """Do what is due now."""
        now = self._clock.monotonic()
        pause, self._ticked_at = now - self._ticked_at, now
        for post in (*self.workers, self.management):
            if pause > self._setup.timings.silence_s / 4:
                post.slot.forgive(pause)
            if post.slot.due(now) and not self.draining and self._may_begin(post):
                post.slot.began(now)
                self._group.create_task(self._attend(post))
            elif post.slot.silent(now) and post.child is not None and post.cause != "silent":
                self._log.error("silent, killed", process=_name(post), pid=post.child.pid)
                post.cause = "silent"
                post.child.kill()
        for post in self.workers:
            if post.slot.orphaned(now):
                self._give_away(post)
        self._tell_health(now)

    @property
    def revision(self) -> str:
        """The revision that the workers have, or are started with."""
        return self._resources.revision

    def statuses(self) -> list[WorkerStatus]:
        """Describe all workers."""
        now = self._clock.monotonic()
        return [post.status(now) for post in self.workers]

    def _may_begin(self, post: Post) -> bool:
        """Say whether what a process runs is known: workers wait for what is stored."""
        return post is self.management or self._stored is not None

    async def _attend(self, post: Post) -> None:
        """Fill a post and stay until it is vacant again."""
        try:
            await self._fill(post)
        except OSError as error:
            self._log.error("cannot start a process", process=_name(post), error=str(error))
            self._lost(post)
            return
        assert post.child is not None  # noqa: S101 - narrows the type
        child = post.child
        status = await child.ended()
        if not self.draining:
            self._log.error("ended", process=_name(post), pid=child.pid, exit_status=status)
        self._tally.retire(child.pid)
        self._lost(post)

    async def _fill(self, post: Post) -> None:
        is_worker = post is not self.management
        sockets = self._setup.sockets if is_worker else [self._setup.management]
        numbers = [sock.fileno() for sock in sockets]
        post.child = child = await start_child(
            WORKER if is_worker else MANAGEMENT,
            [],
            numbers,
            functools.partial(self._on_message, post),
        )
        child.send(
            messages.Start(
                settings=pack_settings(self._setup.settings),
                slot=post.slot.number,
                sockets=numbers,
                beat_s=self._setup.timings.beat_s,
                silence_s=self._setup.timings.silence_s,
                started_us=self._started_us,
                arrival=self._errands.arrival,
            )
        )
        if is_worker:
            post.configure(self._resources)
            self._said = None
        else:
            self._inbox = Inbox()
            self._brief_management()
        for news in self._board.current(self._clock.monotonic()):
            post.send(messages.Told(news))
        if self.draining:
            child.channel.close()

    def _lost(self, post: Post) -> None:
        now = self._clock.monotonic()
        if not self.draining and post is not self.management:
            self._restarts.cell(post.cause).value += 1
        post.vacate()
        post.slot.lost(now)
        for orphan in self.workers:
            if orphan.slot.adopter is post.slot:
                orphan.slot.adopter = None
        if post is self.management:
            self._errands.abandon()
        self.tick()

    def _give_away(self, orphan: Post) -> None:
        """Let the ready sibling that has adopted least accept from an orphaned socket."""
        adopted = [post.slot.adopter for post in self.workers]
        siblings = [p for p in self.workers if p.slot.ready and p is not orphan]
        if siblings:
            chosen = min(siblings, key=lambda post: adopted.count(post.slot))
            orphan.slot.adopter = chosen.slot
            chosen.send(messages.Adopt(orphan.slot.number))

    def _tell_health(self, now: float) -> None:
        workers = self.statuses()
        said = is_live(workers), is_ready(workers, draining=self.draining)
        if said != self._said or now - self._said_at >= self._setup.timings.beat_s:
            self._said, self._said_at = said, now
            self.tell(messages.Health(*said))

    # --- hearing ---

    def _on_message(self, post: Post, message: messages.AnyMessage) -> None:
        now = self._clock.monotonic()
        post.slot.heard(now)
        match message:
            case messages.Beat():
                post.beat = message
            case messages.Ready():
                post.slot.became_ready(now)
                self._welcome(post)
            case messages.Applied():
                if message.faults and message.revision is None:
                    self._refused(post, message.faults)
                post.answered(message.number, message)
            case messages.TlsApplied() | messages.Scraped():
                post.answered(message.number, message)
            case messages.Told():
                self._pass_on(post, message)
            case messages.Scrape() | messages.Report():
                self._ask(message)
            case _ if not self._errands.take(post, message, self.tell):
                self._take_stored(message)

    def _welcome(self, post: Post) -> None:
        adopter, post.slot.adopter = post.slot.adopter, None
        for sibling in self.workers:
            if sibling.slot is adopter:
                sibling.send(messages.Release(post.slot.number))
        if all(p.slot.ready for p in (*self.workers, self.management)):
            self.ready.set()
        self.tick()

    def _refused(self, post: Post, faults: list[Fault]) -> None:
        """Keep the faults of a configuration that a worker cannot even begin with."""
        self._log.error("cannot use the configuration", process=_name(post))
        if not self.ready.is_set():
            self.refused = faults
            self.ready.set()
        elif post is self.management and post.child is not None:
            post.child.kill()  # nobody follows the store; the next one tries again, a while later

    def _pass_on(self, teller: Post, told: messages.Told) -> None:
        """Let everyone know at once, and whoever starts later."""
        self._board.heard(told.news, self._clock.monotonic())
        for post in (*self.workers, self.management):
            if post is not teller:
                post.send(told)

    # --- telling ---

    def tell(self, message: messages.Message) -> None:
        """Say something to every worker."""
        for post in self.workers:
            post.send(message)

    async def apply(self, resources: Resources) -> list[Fault]:
        """Give all workers what a file declares; when one refuses it, all get the one before."""
        async with self._applying:
            before, self._file = self._file, resources
            if self._setup.stores:
                await self.management.configure(resources)
            faults = await self._spread()
            if faults:
                self._file = before
                self._brief_management()
            return faults

    def declare(self, source: bytes) -> None:
        """Let management know the text of the file."""
        self._source = source
        if self._setup.stores:
            self.management.send(messages.Declared(source))

    async def _spread(self) -> list[Fault]:
        """Give all workers what file and store say together; when one refuses it, none keeps it."""
        before = self._resources
        self._resources = resources = together(self._file, self._stored or Resources.of({}))
        answers = [post.configure(resources) for post in self.workers]
        faults = _unlike(answer.faults for answer in await asyncio.gather(*answers) if answer)
        if faults:
            self._resources = before
            await asyncio.gather(*(post.configure(before) for post in self.workers))
        elif self._setup.stores:
            self._ran = self._stored
            self.management.send(messages.Running(resources.revision))
        else:
            # After the workers: what is found of a target has to find the target.
            self.management.configure(services_of(resources))
        return faults

    def _brief_management(self) -> None:
        if not self._setup.stores:
            self.management.configure(services_of(self._resources))
            return
        self.management.send(messages.Declared(self._source))
        self.management.configure(self._file)

    def _take_stored(self, message: messages.AnyMessage) -> None:
        """Take a piece of what is stored and fits beside the file."""
        stored = self._inbox.take(message)
        if stored is None or not isinstance(message, messages.End):
            return
        first, self._stored = self._stored is None, stored
        if first:
            self._resources = together(self._file, stored)
            self.tick()
        self._group.create_task(self._run_stored())

    async def _run_stored(self) -> None:
        async with self._applying:
            faults = await self._spread()
            if faults and self._ran is not None:  # the next file must not be refused for it
                self._stored = self._ran
        for fault in faults:
            self._log.error("workers refuse what is stored", path=fault.path, why=fault.message)

    async def apply_tls(self) -> list[Fault]:
        """Have everyone read certificates again."""
        posts = (*self.workers, self.management)
        answers = await asyncio.gather(*(post.ask_tls() for post in posts))
        return _unlike(answer.faults for answer in answers if answer)

    async def scrape(self) -> list[FamilyDump]:
        """Add up the metrics of all processes, waiting for the others 250 ms at most."""
        posts = (*self.workers, self.management)
        asked = {post.scrape(): post for post in posts if post.child is not None}
        if asked:
            await asyncio.wait(asked, timeout=self._setup.timings.scrape_s)
        self._stale.series.clear()
        for answer, post in asked.items():
            found = answer.result() if answer.done() else None
            if found is not None and post.child is not None:
                self._tally.heard(post.child.pid, found.dump)
            if post is not self.management:
                self._stale.cell(str(post.slot.number)).value = float(found is None)
        return merge([self._tally.total(), self._setup.metrics.dump()])


def _unlike(lists: Iterable[list[Fault]]) -> list[Fault]:
    """Return every fault once, however many workers found it."""
    return list(dict.fromkeys(fault for faults in lists for fault in faults))


def _name(post: Post) -> str:
    return "management" if post.slot.number < 0 else f"worker {post.slot.number}"
