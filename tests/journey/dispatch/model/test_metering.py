"""What attempts have used: the provider's word, or an estimate that is marked so."""

from __future__ import annotations

from typing import Any, cast

from sluicegate.headers import Headers
from sluicegate.journey.dispatch.model.metering import Meter
from sluicegate.llm.call import ModelCall
from sluicegate.llm.canonical import Usage
from sluicegate.llm.endpoint import endpoint_of
from sluicegate.llm.prices import Price, Rates
from sluicegate.llm.tokens import Estimator

PRICE = Price(Rates(input=3_000_000, output=15_000_000))


class Priced:
    """A deployment, as far as its price goes."""

    def __init__(self, price: Price | None = PRICE) -> None:
        self._price = price

    def price(self, asked: str) -> Price | None:
        assert asked == "wanted"
        return self._price


def charged(
    usage: Usage | None, *, counted: bool, produced: int, price: Price | None = PRICE
) -> ModelCall:
    endpoint = endpoint_of("/v1/chat/completions", None, Headers(), "POST")
    assert endpoint is not None
    call = ModelCall(endpoint, "fast")
    call.body = b"x" * 400
    deployment = cast("Any", Priced(price))
    meter = Meter(Estimator())
    meter.charge(call, deployment, "wanted", usage, counted=counted, produced=produced)
    return call


def test_the_providers_count_is_charged() -> None:
    [charge] = charged(Usage(input=10, output=2), counted=True, produced=9).charges
    assert (charge.usage, charge.cost) == (Usage(input=10, output=2), 60)


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
