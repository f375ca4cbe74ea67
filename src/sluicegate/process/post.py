"""A post: a slot, the process that fills it now, and what is being asked of that process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sluicegate.process import messages
from sluicegate.process.status import Phase, WorkerStatus
from sluicegate.process.transfer import frames

if TYPE_CHECKING:
    from sluicegate.process.child import Child
    from sluicegate.process.slot import Slot
    from sluicegate.snapshot.document import Resources


class Post:
    """The supervisor's side of one worker, or of management, over all its successors."""

    def __init__(self, slot: Slot) -> None:
        """Start empty."""
        self.slot = slot
        self.child: Child | None = None
        self.beat = messages.Beat()
        self.cause = "crashed"
        self._sent: Resources | None = None
        self._number = 0
        self._asked: dict[int, asyncio.Future[Any]] = {}

    def send(self, message: messages.Message) -> None:
        """Say something to whoever is there."""
        if self.child is not None:
            self.child.send(message)

    def configure(self, resources: Resources) -> asyncio.Future[messages.Applied | None]:
        """Send what changed; the answer is None when the process ends before it gives one."""
        number, answer = self._ask()
        if self.child is not None:
            self.child.send(*frames(self._sent, resources, number))
            self._sent = resources
        return answer

    def ask_tls(self) -> asyncio.Future[messages.TlsApplied | None]:
        """Have certificates read again; the answer as with `configure`."""
        number, answer = self._ask()
        self.send(messages.Tls(number))
        return answer

    def scrape(self) -> asyncio.Future[messages.Scraped | None]:
        """Ask for metrics; the answer as with `configure`."""
        number, answer = self._ask()
        self.send(messages.Scrape(number))
        return answer

    def answered(self, number: int, message: messages.Message) -> None:
        """Give an answer to whoever waits for it."""
        waiting = self._asked.pop(number, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message)

    def vacate(self) -> None:
        """Take notice that the process is gone: nobody will answer."""
        self.child = self._sent = None
        self.beat = messages.Beat()
        self.cause = "crashed"
        asked, self._asked = self._asked, {}
        for waiting in asked.values():
            if not waiting.done():
                waiting.set_result(None)

    def status(self, now: float) -> WorkerStatus:
        """Describe this worker."""
        return WorkerStatus(
            slot=self.slot.number,
            phase=self._phase(now),
            pid=self.child.pid if self.child is not None else None,
            revision=self.beat.revision,
            in_flight=self.beat.in_flight,
            restarts=self.slot.restarts,
        )

    def _phase(self, now: float) -> Phase:
        if not self.slot.running:
            # A first one that waits for what is stored is not lost.
            return "gone" if self.slot.restarts else "starting"
        if self.slot.late(now):
            return "silent"
        if self.beat.draining:
            return "draining"
        return "ready" if self.slot.ready else "starting"

    def _ask(self) -> tuple[int, asyncio.Future[Any]]:
        self._number += 1
        answer = asyncio.get_running_loop().create_future()
        if self.child is None:
            answer.set_result(None)
        else:
            self._asked[self._number] = answer
        return self._number, answer
