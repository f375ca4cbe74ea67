"""A service's standings on a clock that a test moves.

ward = Wardroom("a", "b", ejection=Ejection(consecutive=2))
ward.fail("a", 2)
assert ward["a"].state == "out"
ward.advance(30)
"""

from __future__ import annotations

from random import Random
from typing import Any

from sluicegate.metrics import Metrics
from sluicegate.model.resilience import Breaker, Check, Ejection
from sluicegate.upstream.health.news import News
from sluicegate.upstream.health.standing import Standing
from sluicegate.upstream.health.ward import Ward
from sluicegate.wire.deadlines import Deadlines
from support.mock_clock import MockClock


class Still(Random):
    """Draws nothing but 0: times out are exact."""

    def random(self) -> float:
        return 0.0


class Place:
    """A target as a standing sees it."""

    def __init__(self, weight: int = 1) -> None:
        self.available = True
        self.weight = weight


class Wardroom:
    """A ward with a standing per label; `told` is what it tells the other processes."""

    def __init__(
        self,
        *labels: str,
        breaker: Breaker | None = None,
        ejection: Ejection | None = None,
        check: Check | None = None,
        min_calls: int | None = None,
        random: Random | None = None,
        previous: Wardroom | None = None,
    ) -> None:
        """With `previous`, on the same clock, deadlines and metrics, as after a reload."""
        self.clock = previous.clock if previous else MockClock()
        self.deadlines = previous.deadlines if previous else Deadlines(self.clock)
        self.metrics = previous.metrics if previous else Metrics()
        self.deadlines.start()
        self.told: list[News] = []
        self.returns: list[str] = []
        self.ward = Ward("s", self.metrics, self.told.append, check, random or Still())
        self.labels = labels
        self._standings: dict[str, Standing] = {}
        for label in labels:
            least = min_calls or (breaker.min_calls if breaker else 0)
            self._standings[label] = Standing(
                Place(),
                self.ward,
                label,
                breaker,
                ejection,
                least,
                self.deadlines,
                lambda label=label: self.returns.append(label),
            )

    def __getitem__(self, label: str) -> Standing:
        return self._standings[label]

    def call(self, label: str, *, bad: bool = False, unreachable: bool = False) -> None:
        """Make one call from its beginning to its end."""
        standing = self[label]
        standing.ended(standing.begin(), bad or unreachable, unreachable=unreachable)

    def fail(self, label: str, times: int, *, unreachable: bool = False) -> None:
        """Make calls that fail."""
        for _ in range(times):
            self.call(label, bad=True, unreachable=unreachable)

    def hear(
        self, label: str, event: Any, cause: Any = "", seconds: float = 0.0, **more: Any
    ) -> None:
        """Hear news of a sibling or checker."""
        self.ward.hear(News("s", label, event, cause, seconds, **more))

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def states(self) -> list[str]:
        return [each.state for each in self._standings.values()]

    def available(self, label: str) -> bool:
        return self[label].target.available

    def metric(self, name: str, *values: str) -> float:
        """Return the value of a series, e.g. `metric("breaker_state", "a")`."""
        return self.metrics.families[f"sluicegate_{name}"].cell("s", *values).value

    @property
    def watched(self) -> int:
        """How many the deadlines look at."""
        return len(self.deadlines._watched)

    def close(self) -> None:
        for each in self._standings.values():
            each.close()
