"""Models at run time for tests of choosing: real pools and deployments, behind which is nobody.

world = ModelWorld()
pool = world.pool("chat", {"deployments": [{"provider": "a"}, {"provider": "b"}]})
pool.pick().name
await world.cooldowns.look(); world.clock.advance(1)
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast, get_args

from sluicegate.llm.failure import Failure, Kind
from sluicegate.llm.price_book import PriceBook
from sluicegate.metrics import Metrics
from sluicegate.model.model import Model
from sluicegate.model.units import convert
from sluicegate.state.contract import LimitState
from sluicegate.state.memory import MemoryState
from sluicegate.upstream.models.cooldowns import Cooldowns
from sluicegate.upstream.models.pool import ModelPool
from support.mock_clock import MockClock

KINDS: tuple[str, ...] = get_args(Kind)


class ModelWorld:
    """One worker's clock, metrics and cooldowns; `state` is shared by those that are given it."""

    def __init__(self, state: LimitState | None = None, clock: MockClock | None = None) -> None:
        self.clock = MockClock() if clock is None else clock
        self.metrics = Metrics()
        self.state = MemoryState(self.clock, self.metrics) if state is None else state
        self.cooldowns = Cooldowns(self.state, self.clock, self.metrics)

    def pool(self, name: str, config: dict[str, Any], **more: Any) -> ModelPool:
        """Return a pool; every provider that its deployments name is there."""
        model = convert(config, Model)
        links: dict[str, Any] = {
            each.provider: SimpleNamespace(name=each.provider) for each in model.deployments
        }
        shared = cast(
            "Any", SimpleNamespace(clock=self.clock, metrics=self.metrics, prices=PriceBook())
        )
        return ModelPool(name, model, links, shared, self.cooldowns, **more)

    def counted(self, family: str, *labels: str) -> float:
        """Return the number of one series, after a scrape."""
        self.metrics.dump()
        return self.metrics.families[family].cell(*labels).value


def failure(kind: str, retry_after_s: float | None = None, *, ours: bool = False) -> Failure:
    """Return a failure of this kind."""
    status = {"rate_limited": 429, "quota": 429}.get(kind, 500)
    return Failure(
        kind=cast("Any", kind),
        status=status,
        message="it failed",
        retry_after_s=retry_after_s,
        ours=ours,
    )
