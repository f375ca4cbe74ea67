from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Annotated, Any, cast

import pytest
from msgspec import Meta

from sluicegate.errors import ConfigError, Fault
from sluicegate.journey import SECOND_HALF, STAGES
from sluicegate.model.units import Duration
from sluicegate.policy import PolicyConfig
from sluicegate.snapshot.steps import (
    FIRST_HALF,
    GATEWAY,
    OUTER,
    Scope,
    Step,
    StepMaker,
    plan_scope,
    route_scope,
)
from support.exchanges import parts
from support.mock_clock import MockClock

ROUTE = route_scope("users")


class Config(PolicyConfig, frozen=True, kw_only=True):
    size: Annotated[int, Meta(ge=1)] = 1
    wait: Duration = Duration(1)


class Policy:
    def __init__(self, config: Config, made_of: Any) -> None:
        if config.size == 13:
            raise ValueError("13 is out of the question")
        if config.size == 15:
            raise KeyError("a bug")
        if config.size == 14:
            raise ConfigError([Fault("", 0, "one thing"), Fault("", 0, "another thing")])
        self.config = config
        self.scope = made_of.scope

    async def handle(self, exchange: Any, onward: Any) -> None:
        await onward(exchange)


def find(name: str) -> Any:
    """Find policies named after their stage: `screen`, `screen_2` and so on."""
    stage = name.partition("_")[0]
    if stage not in STAGES:
        raise KeyError(name)
    return SimpleNamespace(name=name, stage=stage, config=Config, policy=Policy)


@pytest.fixture
def maker() -> Callable[..., tuple[StepMaker, list[Fault]]]:
    def make(had: Any = None) -> tuple[StepMaker, list[Fault]]:
        faults: list[Fault] = []
        catalog = cast("Any", SimpleNamespace(find=find))
        return StepMaker(catalog, parts(MockClock()), had or {}, faults), faults

    return make


def policy_of(step: Step) -> Policy:
    return cast("Policy", cast("Any", step.handle).__self__)


def test_a_policy_gets_its_settings_and_its_scope(maker: Any) -> None:
    steps, faults = maker()
    first, second = steps.make(ROUTE, [{"screen": {"size": 2, "wait": "2s"}}, {"limit": None}])
    assert faults == []
    assert policy_of(first).config == Config(size=2, wait=Duration(2))
    assert policy_of(first).scope == "route:users"
    assert policy_of(second).config == Config()
    assert (first.rank, first.name) == (STAGES.index("screen"), "screen")
    assert policy_of(steps.make(plan_scope("free"), [{"limit": {}}])[0]).scope == "plan:free"
    assert policy_of(steps.make(GATEWAY, [{"record": {}}])[0]).scope == "gateway"


def test_an_unchanged_policy_is_the_same_object_wherever_it_moves_in_its_list(maker: Any) -> None:
    uses = [{"screen": {"size": 2}}, {"screen": {"size": 2}}, {"limit": {}}]
    before, _ = maker()
    one, two, three = before.make(ROUTE, uses)
    after, _ = maker(before.made)
    changed = after.make(ROUTE, [{"limit": {}}, {"screen": {"size": 3}}, *uses[:2]])
    assert changed[0] is three
    assert changed[1] not in (one, two)
    assert changed[2] is one
    assert changed[3] is two
    assert policy_of(one) is not policy_of(two)


def test_the_same_settings_elsewhere_are_another_object(maker: Any) -> None:
    before, _ = maker()
    (one,) = before.make(ROUTE, [{"screen": {}}])
    after, _ = maker(before.made)
    assert after.make(route_scope("other"), [{"screen": {}}])[0] is not one


def test_what_is_kept_is_there_for_the_snapshot_after_the_next(maker: Any) -> None:
    first, _ = maker()
    (one,) = first.make(ROUTE, [{"screen": {}}])
    second, _ = maker(first.made)
    second.keep(ROUTE)
    third, _ = maker(second.made)
    assert third.make(ROUTE, [{"screen": {}}])[0] is one


def test_every_fault_is_found_and_names_its_place(maker: Any) -> None:
    steps, faults = maker()
    made = steps.make(
        ROUTE,
        [
            {"screen": {"size": 13}},
            {"nonsense": {}},
            {"limit": {"size": 14}},
            {"shape": {"size": 0}},
            {"cache": {"sise": 3}},
            {"limit": {"size": 15}},
            {"guard": {}},
        ],
    )
    assert [step.name for step in made] == ["guard"]
    assert [(fault.path, fault.message.partition(" - ")[0]) for fault in faults] == [
        ("routes.users.policies[0].screen", "13 is out of the question"),
        ("routes.users.policies[1].nonsense", "there is no policy of this name"),
        ("routes.users.policies[2].limit", "one thing"),
        ("routes.users.policies[2].limit", "another thing"),
        ("routes.users.policies[3].shape", "Expected `int` >= 1"),
        ("routes.users.policies[4].cache", "Object contains unknown field `sise`"),
        ("routes.users.policies[5].limit", "the policy cannot be built: KeyError: 'a bug'"),
    ]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_stands_only_where_it_can_work(stage: str, maker: Any) -> None:
    allowed: dict[Scope, tuple[str, ...]] = {
        GATEWAY: STAGES,
        ROUTE: FIRST_HALF + SECOND_HALF,
        plan_scope("free"): SECOND_HALF,
    }
    for scope, stages in allowed.items():
        steps, faults = maker()
        made = steps.make(scope, [{stage: {}}])
        assert bool(made) is (stage in stages)
        assert bool(faults) is (stage not in stages)


def test_the_halves_are_the_stages() -> None:
    assert OUTER + FIRST_HALF + SECOND_HALF == STAGES
