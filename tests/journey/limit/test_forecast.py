"""What a call may use and cost before anybody was asked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from sluicegate.exchange import Exchange
from sluicegate.journey.dispatch.model.continuation import GO_ON
from sluicegate.journey.limit import forecast as forecasts
from sluicegate.journey.limit.forecast import DEFAULT_CAP, LONGEST_ANSWER, Forecast
from sluicegate.llm import price_book
from sluicegate.llm.call import ModelCall
from sluicegate.llm.dialects.anthropic_messages.request_writer import DEFAULT_MAX_TOKENS
from sluicegate.llm.endpoint import Endpoint
from sluicegate.llm.prices import Price, Rates, Span, Tariff
from sluicegate.llm.tokens import Estimator
from support.budgets import BudgetWorld

FREE_INPUT = Price(Rates(input=0, output=10**6))
"""1 nano-USD a token that is written."""


def price(input_: int, output: int, **more: int) -> Price:
    rates = {name: rate * 1_000_000 for name, rate in more.items()}
    return Price(Rates(input=input_ * 1_000_000, output=output * 1_000_000, **rates))


def deployment(price: Price | None, *, spoken: str = "", longest: int | None = None) -> Any:
    tariff = None if price is None else Tariff([(Span(), price)], longest=longest)
    return SimpleNamespace(
        tariff=lambda _: tariff,
        admitted_us=lambda _: 0,
        speaks=lambda _, dialect: spoken or dialect,
    )


def pool(*deployments: Any, hedge: object = None, attempts: int = 3) -> Any:
    config = SimpleNamespace(fallbacks=[], hedge=hedge, attempts=attempts)
    return SimpleNamespace(deployments=list(deployments), config=config)


def call(*prices: Price | None, **fields: Any) -> tuple[Exchange, ModelCall]:
    asked = BudgetWorld().asked()
    assert asked.call is not None
    said = {"max_tokens": 50} | fields
    asked.call.fields = {
        name: msgspec.Raw(msgspec.json.encode(value))
        for name, value in said.items()
        if value is not None
    }
    asked.call.body = msgspec.json.encode(said)
    if prices:
        asked.call.pool = pool(*map(deployment, prices))
    return asked, asked.call


def most(asked: tuple[Exchange, ModelCall]) -> int:
    cost = Forecast(Estimator()).cost(*asked, most=True)
    assert cost is not None
    return cost


def written(made: Any, **fields: Any) -> int:
    """Return how many tokens are reserved for, of an answer of one deployment."""
    asked = call(**fields)
    asked[1].pool = pool(made)
    return most(asked)


def test_no_token_is_shorter_than_a_byte_and_no_answer_longer_than_it_may_be() -> None:
    _, asked = call()
    incoming, outgoing = Forecast(Estimator()).tokens(asked, most=True)
    assert incoming >= len(asked.body)
    assert outgoing == 50


def test_what_is_to_be_expected_is_less_than_the_most() -> None:
    _, asked = call(max_tokens=None)
    forecast = Forecast(Estimator())
    most, expected = (forecast.tokens(asked, most=each) for each in (True, False))
    assert most[1] == LONGEST_ANSWER == price_book.LONGEST_ANSWER
    assert 0 < expected[0] < most[0]
    assert 0 < expected[1] < most[1]


def test_the_dearest_that_may_answer_counts() -> None:
    assert most(call(price(1, 1), price(3, 9))) > 3 * most(call(price(1, 1)))


def test_a_fallback_may_answer_too() -> None:
    exchange, asked = call(price(1, 1))
    alone = most((exchange, asked))
    assert asked.pool is not None
    asked.pool.config.fallbacks.append(cast("Any", SimpleNamespace(model="other")))
    others = {"other": pool(deployment(price(5, 5)))}
    exchange.snapshot = cast("Any", SimpleNamespace(models=SimpleNamespace(find=others.get)))
    assert most((exchange, asked)) == 5 * alone


@pytest.mark.parametrize("prices", [(None,), (price(1, 1), None)])
def test_where_one_price_is_not_known_no_bound_is(prices: tuple[Price | None, ...]) -> None:
    assert Forecast(Estimator()).cost(*call(*prices), most=True) is None


# --- how long an answer is ----------


def test_each_of_several_answers_may_be_as_long_as_one() -> None:
    assert written(deployment(FREE_INPUT), n=3) == 150
    assert written(deployment(FREE_INPUT), n=3, max_tokens=None) == 3 * LONGEST_ANSWER


def test_without_a_cap_an_answer_is_as_long_as_its_model_can_write() -> None:
    assert written(deployment(FREE_INPUT, longest=8192), max_tokens=None) == 8192
    assert written(deployment(FREE_INPUT), max_tokens=None) == LONGEST_ANSWER


def test_a_translation_that_sets_a_cap_is_known() -> None:
    messages = deployment(FREE_INPUT, spoken="anthropic_messages")
    assert DEFAULT_CAP == DEFAULT_MAX_TOKENS
    assert written(messages, max_tokens=None) == DEFAULT_CAP
    assert written(messages, max_tokens=None, reasoning_effort="max") == DEFAULT_CAP + 16_384


@pytest.mark.parametrize("spoken", ["anthropic_messages", "bedrock_converse"])
def test_a_translation_that_raises_a_cap_above_the_reasoning_is_known(spoken: str) -> None:
    made = deployment(FREE_INPUT, spoken=spoken)
    assert written(made, reasoning_effort="max") == 50 + 16_384
    thinking = {"type": "enabled", "budget_tokens": 20_000}
    assert written(made, thinking=thinking, max_tokens=20_000) == 40_000
    assert written(made, thinking=thinking, max_tokens=20_001) == 20_001
    assert written(deployment(FREE_INPUT), reasoning_effort="max") == 50


# --- what it may be charged for ----------

MEDIA = price(1, 1, audio_input=7, audio_output=7, image_input=7)
HOUR = price(1, 1, cache_write=1, cache_write_1h=2)


def test_a_call_of_text_reserves_for_text() -> None:
    assert most(call(MEDIA)) == most(call(price(1, 1)))
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    seen = [{"role": "user", "content": [image]}]
    assert most(call(MEDIA, messages=seen)) == 7 * most(call(price(1, 1), messages=seen))
    spoken = call(MEDIA, modalities=["text", "audio"])
    assert most(spoken) == 7 * most(call(price(1, 1), modalities=["text", "audio"]))


@pytest.mark.parametrize("ttl", ["1h", "\\u0031h"])
def test_a_call_that_has_nothing_cached_for_an_hour_does_not_reserve_for_it(ttl: str) -> None:
    assert most(call(HOUR)) == most(call(price(1, 1)))
    exchange, asked = call(HOUR)
    plain = most((exchange, asked))
    asked.body = b'{"cache_control":{"ttl":"%b"}}' % ttl.encode()
    assert most((exchange, asked)) > plain


def test_a_hedge_is_charged_beside_the_call_that_it_overtook() -> None:
    exchange, asked = call()
    both = [deployment(price(1, 1)), deployment(price(1, 1))]
    asked.pool = pool(*both)
    alone = most((exchange, asked))
    asked.pool = pool(*both, hedge=object())
    assert most((exchange, asked)) == 2 * alone
    asked.pool = pool(both[0], hedge=object())  # nobody else can be asked
    assert most((exchange, asked)) == alone


def test_each_attempt_that_may_continue_a_stream_reads_what_was_said() -> None:
    exchange, asked = call(price(1, 0))
    asked.stream = True
    ai = SimpleNamespace(continue_streams=False)
    exchange.route = cast("Any", SimpleNamespace(config=SimpleNamespace(ai=ai)))
    alone = most((exchange, asked))
    ai.continue_streams = True
    assert most((exchange, asked)) == 3 * (alone + 2 * (50 + forecasts.GOES_ON))
    assert len(GO_ON) < forecasts.GOES_ON
    asked.stream = False
    assert most((exchange, asked)) == alone


def test_the_dearest_service_tier_that_a_call_may_get_counts() -> None:
    exchange, asked = call(service_tier="fast")
    tiers = {"fast": [(Span(), price(4, 4))]}
    tariff = Tariff([(Span(), price(1, 1))], tiers)
    made = deployment(price(1, 1))
    asked.pool = pool(made)
    standard = most((exchange, asked))
    made.tariff = lambda _: tariff
    assert most((exchange, asked)) == 4 * standard


def test_calls_one_after_the_other_are_not_mistaken_for_each_other() -> None:
    forecast = Forecast(Estimator())
    first, second = call(price(0, 1), max_tokens=7), call(price(0, 1), max_tokens=9)
    assert [forecast.cost(*each, most=True) for each in (first, second, first)] == [7, 9, 7]


def test_what_answers_nothing_is_reserved_nothing_to_write() -> None:
    exchange, asked = call(FREE_INPUT, max_tokens=None)
    asked.endpoint = Endpoint("call", "openai_embeddings")
    assert most((exchange, asked)) == 0
