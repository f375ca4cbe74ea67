"""What attempts have used: the provider's word, or an estimate that is marked so."""

from __future__ import annotations

from typing import Any, cast

import msgspec
import pytest
from msgspec import Raw

from sluicegate.headers import Headers
from sluicegate.journey.dispatch.model.metering import Meter
from sluicegate.llm.call import ModelCall
from sluicegate.llm.canonical import Usage
from sluicegate.llm.endpoint import endpoint_of
from sluicegate.llm.prices import Price, Rates, Span, Tariff
from sluicegate.llm.tokens import Estimator

PRICE = Price(Rates(input=3_000_000, output=15_000_000))


FAST = Price(Rates(input=6_000_000, output=30_000_000))


class Priced:
    """A deployment, as far as its price goes."""

    def __init__(self, price: Price | None = PRICE) -> None:
        tiers = {"fast": [(Span(), FAST)]}
        self._tariff = None if price is None else Tariff([(Span(), price)], tiers)

    def tariff(self, asked: str) -> Tariff | None:
        assert asked == "wanted"
        return self._tariff

    def admitted_us(self, call: ModelCall) -> int:
        return call.at_us


def charged(
    usage: Usage | None,
    *,
    counted: bool,
    produced: int,
    price: Price | None = PRICE,
    asked: bytes = b"",
) -> ModelCall:
    endpoint = endpoint_of("/v1/chat/completions", None, Headers(), "POST")
    assert endpoint is not None
    call = ModelCall(endpoint, "fast")
    call.body = b"x" * 400
    if asked:
        call.fields = {"speed": Raw(asked)}
    deployment = cast("Any", Priced(price))
    meter = Meter(Estimator())
    meter.charge(call, deployment, "wanted", usage, counted=counted, produced=produced)
    return call


def test_the_providers_count_is_charged() -> None:
    [charge] = charged(Usage(input=10, output=2), counted=True, produced=9).charges
    assert (charge.usage, charge.cost) == (Usage(input=10, output=2), 60)


def test_the_tier_of_the_answer_is_charged_and_else_the_one_that_was_asked_for() -> None:
    said, fast = Usage(input=10, output=2, tier="standard"), Usage(input=10, output=2, tier="fast")
    unsaid = Usage(input=10, output=2)
    costs = [
        charged(usage, counted=True, produced=9, asked=asked).cost
        for usage in (said, fast, unsaid)
        for asked in (b'"fast"', b"")
    ]
    assert costs == [60, 60, 120, 120, 120, 60]


def test_a_cut_stream_is_charged_by_its_tier_too() -> None:
    [charge] = charged(Usage(input=7, tier="fast"), counted=False, produced=400).charges
    assert charge.usage.estimated
    assert charge.cost == FAST.cost(charge.usage)


def test_a_cut_stream_is_charged_for_what_has_passed_and_marked() -> None:
    [charge] = charged(None, counted=False, produced=400).charges
    assert charge.usage.estimated
    assert charge.usage.input > 0
    assert charge.usage.output > 0
    assert charge.cost == PRICE.cost(charge.usage)


def test_what_the_provider_said_before_the_cut_stands_where_it_is_more() -> None:
    said = Usage(input=77, output=5000, cached=70)
    [charge] = charged(said, counted=False, produced=4).charges
    assert charge.usage == Usage(input=77, output=5000, cached=70, estimated=True)


def test_a_count_from_the_beginning_of_a_cut_stream_is_not_the_last_word() -> None:
    [charge] = charged(Usage(input=77, output=1), counted=False, produced=4000).charges
    assert charge.usage.input == 77
    assert charge.usage.output > 100


def test_an_attempt_that_has_brought_nothing_costs_nothing() -> None:
    call = charged(None, counted=False, produced=0)
    assert call.charges == []
    assert (call.cost, call.tokens) == (0, 0)


def test_embeddings_are_no_text_to_be_counted() -> None:
    endpoint = endpoint_of("/v1/embeddings", None, Headers(), "POST")
    assert endpoint is not None
    call = ModelCall(endpoint, "fast")
    call.body = b"x" * 400
    meter = Meter(Estimator())
    charge = meter.charge(
        call, cast("Any", Priced()), "wanted", None, counted=True, produced=60_000
    )
    assert charge is not None
    assert charge.usage.output == 0
    assert charge.usage.input > 0


def test_a_count_of_nothing_at_all_is_no_count() -> None:
    [charge] = charged(Usage(), counted=True, produced=400).charges
    assert charge.usage.estimated


def test_a_model_without_a_price_has_no_cost_but_tokens() -> None:
    call = charged(Usage(input=10, output=2), counted=True, produced=0, price=None)
    assert call.cost is None
    assert call.tokens == 12


def test_what_was_counted_is_learned_from() -> None:
    endpoint = endpoint_of("/v1/chat/completions", None, Headers(), "POST")
    assert endpoint is not None
    estimator = Estimator()
    meter = Meter(estimator)
    before = estimator.output_tokens("fast", 8000)
    for _ in range(50):
        call = ModelCall(endpoint, "fast")
        call.body = b"x" * 4000
        call.stream = True
        usage = Usage(input=4000, output=4000)
        meter.charge(call, cast("Any", Priced()), "wanted", usage, counted=True, produced=4000)
    assert estimator.output_tokens("fast", 8000) > before


@pytest.mark.parametrize(
    "said",
    [
        Usage(input=10**30, output=1),
        Usage(input=2**63, output=2),
        Usage(input=-5000, output=1),
        Usage(input=5, output=1, reasoning=10**30),
    ],
)
def test_what_cannot_be_a_count_is_none(said: Usage) -> None:
    [charge] = charged(said, counted=True, produced=400).charges
    assert charge.usage.estimated
    assert 0 < charge.usage.total < 1000


@pytest.mark.parametrize("path", ["/v1/messages/count_tokens", "/v1beta/models/x:countTokens"])
def test_counting_tokens_costs_nothing(path: str) -> None:
    endpoint = endpoint_of(path, None, Headers(), "POST")
    assert endpoint is not None
    call = ModelCall(endpoint, "fast")
    call.body = b"x" * 400
    meter = Meter(Estimator())
    deployment = cast("Any", Priced())
    for usage in (None, Usage(input=12)):
        meter.charge(call, deployment, "wanted", usage, counted=True, produced=20)
    assert (call.charges, call.cost) == ([], 0)


def test_what_is_done_in_the_background_has_no_cost_that_anybody_knows() -> None:
    endpoint = endpoint_of("/v1/responses", None, Headers(), "POST")
    assert endpoint is not None
    costs = []
    for usage in (None, Usage(input=10, output=2)):
        call = ModelCall(endpoint, "fast")
        call.fields = {"background": Raw(b"true")}
        meter = Meter(Estimator())
        deployment = cast("Any", Priced())
        meter.charge(call, deployment, "wanted", usage, counted=True, produced=400)
        costs.append(call.cost)
    assert costs == [None, 60]


def test_an_answer_has_no_more_tokens_than_the_call_lets_it_have() -> None:
    endpoint = endpoint_of("/v1/chat/completions", None, Headers(), "POST")
    assert endpoint is not None
    call = ModelCall(endpoint, "fast")
    call.fields = {"max_tokens": msgspec.Raw(b"10")}
    meter = Meter(Estimator())
    deployment = cast("Any", Priced())
    charge = meter.charge(call, deployment, "wanted", None, counted=True, produced=4000)
    assert charge is not None
    assert charge.usage.output == 10
