"""What a call may use and cost before anybody was asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from sluicegate.exchange import Exchange
from sluicegate.journey.limit.forecast import LONGEST_ANSWER, Forecast
from sluicegate.llm.call import ModelCall
from sluicegate.llm.prices import Price, Rates
from sluicegate.llm.tokens import Estimator
from support.budgets import BudgetWorld


def call(*prices: Price | None, cap: int | None = 50) -> tuple[Exchange, ModelCall]:
    asked = BudgetWorld().asked()
    assert asked.call is not None
    asked.call.fields = {} if cap is None else {"max_tokens": msgspec.Raw(b"%d" % cap)}
    if prices:
        made = [SimpleNamespace(price=lambda _, price=price: price) for price in prices]
        config = SimpleNamespace(fallbacks=[])
        asked.call.pool = cast("Any", SimpleNamespace(deployments=made, config=config))
    return asked, asked.call


def price(input_: int, output: int) -> Price:
    return Price(Rates(input=input_ * 1_000_000, output=output * 1_000_000))


def test_no_token_is_shorter_than_a_byte_and_no_answer_longer_than_it_may_be() -> None:
    _, asked = call()
    incoming, outgoing = Forecast(Estimator()).tokens(asked, most=True)
    assert incoming >= len(asked.body)
    assert outgoing == 50


def test_what_is_to_be_expected_is_less_than_the_most() -> None:
    _, asked = call(cap=None)
    forecast = Forecast(Estimator())
    most, expected = (forecast.tokens(asked, most=each) for each in (True, False))
    assert most[1] == LONGEST_ANSWER
    assert 0 < expected[0] < most[0]
    assert 0 < expected[1] < most[1]


def test_the_dearest_that_may_answer_counts() -> None:
    forecast = Forecast(Estimator())
    cheap, dear = call(price(1, 1)), call(price(1, 1), price(3, 9))
    costs = [forecast.cost(*asked, most=True) for asked in (cheap, dear)]
    assert costs[0] is not None
    assert costs[1] is not None
    assert costs[1] > 3 * costs[0]


def test_a_fallback_may_answer_too() -> None:
    forecast = Forecast(Estimator())
    exchange, asked = call(price(1, 1))
    alone = forecast.cost(exchange, asked, most=True)
    other = SimpleNamespace(deployments=[SimpleNamespace(price=lambda _: price(5, 5))])
    assert asked.pool is not None
    asked.pool.config.fallbacks.append(cast("Any", SimpleNamespace(model="other")))
    exchange.snapshot = cast("Any", SimpleNamespace(models={"other": other}))
    exchange.snapshot.models = cast("Any", SimpleNamespace(find={"other": other}.get))
    both = forecast.cost(exchange, asked, most=True)
    assert alone is not None
    assert both is not None
    assert both >= 5 * alone


@pytest.mark.parametrize("prices", [(None,), (price(1, 1), None)])
def test_where_one_price_is_not_known_no_bound_is(prices: tuple[Price | None, ...]) -> None:
    assert Forecast(Estimator()).cost(*call(*prices), most=True) is None
