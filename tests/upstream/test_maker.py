from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from sluicegate.errors import ConfigError
from sluicegate.metrics import Metrics
from sluicegate.model.model import Model
from sluicegate.model.service import Service
from sluicegate.model.units import convert
from sluicegate.state.memory import MemoryState
from sluicegate.upstream.maker import Maker
from sluicegate.upstream.models.cooldowns import Cooldowns
from sluicegate.upstream.models.pool import ModelPool
from support.links import settings
from support.mock_clock import MockClock
from support.services import surroundings

MODEL = {"deployments": [{"provider": "a", "region": "here"}, {"provider": "a", "name": "b"}]}


class Bench:
    """A maker, and the snapshot that runs."""

    def __init__(self) -> None:
        self.clock, metrics = MockClock(), Metrics()
        shared = surroundings(self.clock, metrics=metrics)
        cooldowns = Cooldowns(MemoryState(self.clock, metrics), self.clock, metrics)
        self.running: Any = None
        self.quotas: list[tuple[str, str]] = []

        def quota(model: str, config: Any) -> None:
            self.quotas.append((model, config.provider))

        self.maker = Maker(shared, cooldowns, quota, "here", lambda: self.running)

    def model(self) -> ModelPool:
        links = {"a": self.maker.provider("a", settings("openai"))}
        return self.maker.model("m", convert(MODEL, Model), links)


def test_a_provider_is_made_as_it_is_configured() -> None:
    link = Bench().maker.provider("a", settings("anthropic"))
    assert link.name == "a"
    assert link.speaks("anthropic_messages")
    link.close()


def test_a_service_goes_on_as_the_one_of_that_name() -> None:
    bench = Bench()
    config = convert({"targets": ["http://10.0.0.1:80"], "concurrency": {"max": 7}}, Service)
    first = bench.maker.service("s", config)
    bench.running = cast("Any", SimpleNamespace(services={"s": first}))
    second = bench.maker.service("s", config)
    assert second is not first
    assert second.targets[0].standing is not first.targets[0].standing
    assert first.targets[0].standing._heir is second.targets[0].standing
    first.close()
    second.close()


def test_a_model_has_its_region_and_the_limits_of_each_deployment() -> None:
    bench = Bench()
    pool = bench.model()
    assert bench.quotas == [("m", "a"), ("m", "a")]
    assert {pool.pick().name for _ in range(5) if pool.pick() is not None} == {"a/m"}  # type: ignore[union-attr]
    pool.close()


def test_a_model_goes_on_as_the_one_of_that_name() -> None:
    bench = Bench()
    first = bench.model()
    first.deployments[0].rest("failing", 60)
    bench.running = cast("Any", SimpleNamespace(models=SimpleNamespace(pools={"m": first})))
    second = bench.model()
    assert not second.deployments[0].available
    assert second.deployments[1].available
    first.close()
    second.close()


def test_a_model_without_its_provider_is_a_fault() -> None:
    with pytest.raises(ConfigError) as error:
        Bench().maker.model("m", convert(MODEL, Model), {})
    assert "models.m" in error.value.faults[0].path
