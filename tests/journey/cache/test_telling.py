from __future__ import annotations

from sluicegate.journey.cache.telling import copied, forget, tell
from sluicegate.journey.dispatch.model.cost_told import overhead_ms
from support.cached_calls import begin, call, charge
from support.exchanges import ClientSide
from support.mock_clock import MockClock


def test_a_copy_asks_the_same_and_has_done_nothing() -> None:
    asked = call()
    asked.plan, asked.deadline, asked.scopes, asked.priority = "gold", 7.0, ("a",), 3
    asked.attempts = 2
    made = copied(asked, ClientSide())  # type: ignore[arg-type]
    assert made.request is asked.request
    assert (made.plan, made.deadline, made.scopes, made.priority) == ("gold", 7.0, ("a",), 3)
    assert made.attempts == 0
    assert made.call is not None
    assert asked.call is not None
    assert made.call is not asked.call
    assert (made.call.pool, made.call.body) == (asked.call.pool, asked.call.body)
    assert made.call.charges == []


def test_who_pays_is_told_the_costs_and_the_others_who_answered() -> None:
    asked, payer, other = call(), call(), call()
    begin(asked)
    charge(asked, cost=9)
    for _ in range(2):
        tell(asked, payer, pays=True)
        tell(asked, other, pays=False)
    assert payer.call is not None
    assert other.call is not None
    assert (payer.call.cost, payer.attempts, payer.call.from_cache) == (9, 1, False)
    assert (other.call.cost, other.attempts, other.call.from_cache) == (0, 0, True)
    assert (payer.call.deployment, other.call.deployment) == ("p/m", "p/m")
    assert other.call.usage is None
    forget(payer)
    assert (payer.call.cost, payer.call.tokens, payer.call.from_cache) == (0, 0, True)
    assert asked.call is not None
    assert asked.call.cost == 9


def test_who_joined_has_waited_for_the_provider_as_well() -> None:
    clock = MockClock()
    asked, early = call(clock=clock), call(clock=clock)
    clock.advance(2)
    late = call(clock=clock)
    assert asked.call is not None
    clock.advance(2.5)
    asked.call.first_token_at, asked.call.waited_s = clock.monotonic(), 4.0
    clock.advance(10)
    told = []
    for each in (early, late):
        tell(asked, each, pays=False)
        assert each.call is not None
        told.append((each.call.waited_s, overhead_ms(each, each.call)))
    assert told == [(4.0, 500.0), (2.5, 0.0)]
