"""A real state, by its URL, for tests that are not async: it runs on a loop in a thread.

with counting(deployment.url) as state:
    state.take("ada").admitted
    state.takes("ada")            # False while the state is away
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog

from sluicegate.clock import Clock
from sluicegate.errors import StateAway
from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.metrics import Metrics
from sluicegate.model.units import Duration
from sluicegate.settings import State
from sluicegate.state.contract import Ask, Group, Limit, Verdict
from sluicegate.state.redis.open import open_state
from support.loops import LoopThread

AGE_US = 100 * 365 * 86_400_000_000
"""A window that does not turn while a test counts: the clock is the machine's."""
MANY = Group("many", [Limit("fixed", FixedWindow(1_000_000, AGE_US))])
"""A limit that no test reaches."""
PATIENT = {"timeout": Duration(5), "connect_timeout": Duration(5)}
"""A machine that is busy with other tests is not a state that is away."""
Result = TypeVar("Result")


class Counting:
    """A `RedisState` with the machine's clock."""

    def __init__(self, url: str, **settings: Any) -> None:
        self.loop = LoopThread()
        self.metrics = Metrics()
        self.logs: list[MutableMapping[str, Any]] = []
        settings = {**PATIENT, **settings}
        self.state = open_state(State(url=url, **settings), Clock(), self.metrics, "test")

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Await `work` on the state's loop."""
        return self.loop.call(work)

    def do(self, step: Callable[[], Result]) -> Result:
        """Call `step` on the state's loop."""

        async def work() -> Result:
            return step()

        return self.call(work())

    def take(self, subject: str = "ada", group: Group = MANY) -> Verdict:
        """Take one. Raises StateAway."""
        return self.call(self.state.take([Ask(group, subject)]))

    def takes(self, *subjects: str) -> bool:
        """Take one for each subject, one after the other; say whether the state was there."""
        try:
            for subject in subjects or ("ada",):
                self.take(subject)
        except StateAway:
            return False
        return True

    def holds(self, group: Group, subject: str, ticket: str) -> bool:
        """Take a slot; say whether it was had."""
        try:
            return self.call(self.state.take([Ask(group, subject)], ticket)).admitted
        except StateAway:
            return False

    def taken(self, subject: str = "ada") -> int:
        """Take one, and return how many were taken since the counts began."""
        outcome = self.take(subject).outcomes[0]
        return outcome.limit - outcome.remaining

    def said(self, event: str, server: str) -> list[str]:
        """Return the reasons of an event that was logged of a server, one a line."""
        return [
            line.get("reason", "")
            for line in list(self.logs)
            if (line["event"], line.get("server")) == (event, server)
        ]

    def counted(self, family: str, *labels: str) -> float:
        """Return a counter or gauge: the sum of the series that hold all these label values."""
        return sum(
            series.number
            for dump in self.do(self.metrics.dump)
            if dump.name == family
            for series in dump.series
            if set(labels) <= set(series.values)
        )

    async def stop(self) -> None:
        """Close the state, on its loop."""
        self.state.close()


@contextmanager
def counting(url: str, **settings: Any) -> Iterator[Counting]:
    """Open a state; it has tried to connect when the block begins. `logs` has what it logs."""
    with structlog.testing.capture_logs() as logs:
        at = Counting(url, **settings)
        at.logs = logs
        try:
            at.call(at.state.start())
            yield at
        finally:
            at.call(at.stop())
            at.loop.close()
