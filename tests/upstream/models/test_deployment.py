from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sluicegate.llm.call import ModelCall
from sluicegate.llm.canonical import Usage
from sluicegate.llm.endpoint import Endpoint
from sluicegate.llm.failure import CallError
from sluicegate.upstream.models.deployment import (
    AT_ONCE,
    FAILING,
    IN_A_ROW,
    LIMITED,
    REFUSED,
    Deployment,
)
from support.model_pools import KINDS, ModelWorld, failure

ONE: dict[str, Any] = {"deployments": [{"provider": "a", "model": "m"}]}


def only(world: ModelWorld, name: str = "chat", config: dict[str, Any] = ONE) -> Deployment:
    return world.pool(name, config).deployments[0]


def play(work: Callable[[ModelWorld], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work(ModelWorld()))


def fail(world: ModelWorld, deployment: Deployment, kind: str, times: int = 1) -> None:
    for _ in range(times):
        deployment.began()
        deployment.failed(failure(kind), world.clock.monotonic())
        deployment.ended(whole=False)


@pytest.mark.parametrize(
    ("name", "model", "asked", "told"),
    [
        ("chat", "gpt-4o", "chat", "gpt-4o"),
        ("chat", None, "chat", "chat"),
        ("claude", None, "gpt-4o", "claude"),
        ("claude", "c*", "claude", "c*"),
        ("gpt-*", None, "gpt-4o", "gpt-4o"),
        ("gpt-*", "openai/gpt-*", "gpt-4o", "openai/gpt-4o"),
        ("*", "vendor/*", "x/y*z", "vendor/x/y*z"),
        ("gpt-*", "fixed", "gpt-4o", "fixed"),
        ("claude-*", "c-*", "other", "c-other"),
    ],
)
def test_a_provider_is_asked_by_its_own_name_of_the_model(
    name: str, model: str | None, asked: str, told: str
) -> None:
    config = {"deployments": [{"provider": "a", **({"model": model} if model else {})}]}
    assert only(ModelWorld(), name, config).model_for(asked) == told


def test_a_deployment_without_a_name_is_called_by_provider_and_model() -> None:
    config = {"deployments": [{"provider": "a", "model": "m"}, {"provider": "b"}]}
    names = [each.name for each in ModelWorld().pool("chat", config).deployments]
    assert names == ["a/m", "b/chat"]


def test_one_429_is_enough_and_its_retry_after_holds() -> None:
    async def work(world: ModelWorld) -> None:
        deployment = only(world)
        deployment.failed(failure("rate_limited", 40), world.clock.monotonic())
        assert not deployment.available
        assert deployment.rests_for == LIMITED
        world.clock.advance(39.9)
        assert deployment.retry_after_s(world.clock.monotonic()) == pytest.approx(0.1)
        assert not deployment.available
        world.clock.advance(0.1)
        assert deployment.available

    play(work)


@pytest.mark.parametrize(
    ("kind", "retry_after_s", "rests_s"),
    [
        ("rate_limited", None, 15),
        ("rate_limited", 0.0, 15),
        ("rate_limited", 9999, 300),
        ("quota", None, 300),
        ("quota", 7, 7),
        ("authentication", None, 15),
        ("overloaded", 20, 20),
    ],
)
def test_how_long_it_rests_is_bounded(
    kind: str, retry_after_s: float | None, rests_s: float
) -> None:
    async def work(world: ModelWorld) -> None:
        deployment = only(world)
        now = world.clock.monotonic()
        deployment.failed(failure(kind, retry_after_s), now)
        assert deployment.retry_after_s(now) == rests_s
        assert deployment.rests_for == (REFUSED if kind == "authentication" else LIMITED)

    play(work)


@pytest.mark.parametrize("kind", sorted(IN_A_ROW))
def test_other_failures_count_in_a_row(kind: str) -> None:
    async def work(world: ModelWorld) -> None:
        deployment = only(world)
        fail(world, deployment, kind, 2)
        deployment.began()
        deployment.ended(whole=True)
        fail(world, deployment, kind, 2)
        assert deployment.available
        fail(world, deployment, kind)
        assert not deployment.available
        assert deployment.rests_for == FAILING

    play(work)


def test_a_first_token_alone_ends_no_row_of_failures() -> None:
    async def work(world: ModelWorld) -> None:
        deployment = only(world)
        for _ in range(3):
            deployment.began()
            deployment.answered(0.2, world.clock.monotonic())
            deployment.failed(failure("bad_answer"), world.clock.monotonic())
            deployment.ended(whole=False)
        assert not deployment.available

    play(work)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - IN_A_ROW - set(AT_ONCE)))
def test_what_a_single_request_is_refused_for_is_nobodys_failure(kind: str) -> None:
    async def work(world: ModelWorld) -> None:
        deployment = only(world)
        fail(world, deployment, kind, 50)
        assert deployment.available
        assert deployment.latency.at(world.clock.monotonic()) == 0.0

    play(work)


def test_names_that_callers_invent_make_nobody_rest() -> None:
    async def work(world: ModelWorld) -> None:
        invented = only(world, "gpt-*")
        fail(world, invented, "not_found", 50)
        assert invented.available

    play(work)


def test_a_limit_of_our_own_is_not_the_providers_word() -> None:
    async def work(world: ModelWorld) -> None:
        deployment = only(world)
        deployment.failed(failure("rate_limited", 9, ours=True), world.clock.monotonic())
        assert deployment.available

    play(work)


def test_a_rest_is_prolonged_and_never_cut_short() -> None:
    async def work(world: ModelWorld) -> None:
        deployment = only(world)
        assert deployment.rest(LIMITED, 10)
        assert not deployment.rest(FAILING, 5)
        assert deployment.rests_for == LIMITED
        assert not deployment.rest(LIMITED, 10.01)
        assert deployment.rest(LIMITED, 20)
        world.clock.advance(19)
        assert not deployment.available
        world.clock.advance(1)
        assert deployment.available

    play(work)


def test_failures_look_slow_and_calls_under_way_are_counted() -> None:
    async def work(world: ModelWorld) -> None:
        deployment = only(world)
        deployment.began()
        deployment.began()
        assert deployment.in_flight == 2
        deployment.failed(failure("timeout"), world.clock.monotonic(), 30.0)
        deployment.ended(whole=False)
        assert deployment.in_flight == 1
        assert deployment.latency.at(world.clock.monotonic()) == 30.0

    play(work)


# --- prices ----------


def priced(kind: str, model: str, **config: Any) -> tuple[ModelWorld, Deployment]:
    world = ModelWorld()
    made = only(world, config={"deployments": [{"provider": "a", "model": model, **config}]})
    made.link.config = cast("Any", SimpleNamespace(kind=kind))
    return world, made


def cost(made: Deployment, call: ModelCall) -> int:
    tariff = made.tariff("chat")
    assert tariff is not None
    return tariff.at(made.admitted_us(call)).cost(Usage(input=1_000_000))


@pytest.mark.parametrize(
    ("kind", "model", "edge", "before", "after"),
    [
        ("deepseek", "deepseek-v4-pro", datetime(2026, 11, 22, 1, tzinfo=UTC), 0.66, 1.32),
        ("gemini", "gemini-3.8-flash-tts", datetime(2027, 1, 1, tzinfo=UTC), 0.5, 1),
    ],
)
def test_a_call_is_charged_by_the_prices_of_its_admission(
    kind: str, model: str, edge: datetime, before: float, after: float
) -> None:
    """Across an hour, a day, a month and a year: what was reserved is what it is settled by."""
    world, made = priced(kind, model)
    world.clock.advance(edge.timestamp() - world.clock.wall_us() / 1e6 - 1)
    call = ModelCall(Endpoint("call", "openai_chat"), "chat")
    assert cost(made, call) == before * 10**9
    world.clock.advance(3)
    assert cost(made, call) == before * 10**9
    assert cost(made, ModelCall(Endpoint("call", "openai_chat"), "chat")) == after * 10**9


def test_what_is_configured_goes_before_what_is_known() -> None:
    price = {"input": "0.07", "output": 0}
    _, made = priced("deepseek", "deepseek-v4-pro", price=price)
    assert cost(made, ModelCall(Endpoint("call", "openai_chat"), "chat")) == 70_000_000


def test_a_model_that_nobody_knows_has_no_prices() -> None:
    assert priced("deepseek", "nobodys")[1].tariff("chat") is None


def test_a_dialect_that_a_provider_does_not_speak_is_none() -> None:
    def refuse(_model: str, caller: str, own: str | None) -> str:
        if own is None:
            raise CallError(failure("unsupported"))
        return f"{own}, not {caller}"

    _, made = priced("openai", "gpt-5")
    made.link.dialect_for = refuse  # type: ignore[method-assign]
    assert made.speaks("chat", "openai_chat") == ""
    _, made = priced("openai", "gpt-5", dialect="openai_responses")
    made.link.dialect_for = refuse  # type: ignore[method-assign]
    assert made.speaks("chat", "openai_chat") == "openai_responses, not openai_chat"


def test_without_limits_everybody_is_admitted() -> None:
    async def work(world: ModelWorld) -> None:
        held = await only(world).admit(None)  # type: ignore[arg-type]  # nobody looks at it
        assert held is not None
        held.release()
        held.release()

    play(work)
