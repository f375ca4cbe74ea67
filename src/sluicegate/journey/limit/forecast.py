"""What a call of a model may use and cost, before anybody was asked.

`most` is an upper bound, as far as there is one: no token is shorter than a byte, and no answer is
longer than the call lets it be. Otherwise it is what is to be expected, by what calls of that model
have used so far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluicegate.llm.tokens import output_cap

if TYPE_CHECKING:
    from msgspec import Raw

    from sluicegate.exchange import Exchange
    from sluicegate.llm.call import ModelCall
    from sluicegate.llm.prices import Price
    from sluicegate.llm.tokens import Estimator
    from sluicegate.upstream.models.pool import ModelPool

LONGEST_ANSWER: Final = 32_768
"""Output tokens, of a call that sets no bound. Models write more only where they are told to."""


class Forecast:
    """One for a worker."""

    __slots__ = ("_cap", "_estimator", "_fields")

    def __init__(self, estimator: Estimator) -> None:
        """`estimator` knows how many bytes a token has."""
        self._estimator = estimator
        self._fields: dict[str, Raw] | None = None
        self._cap: int | None = None

    def tokens(self, call: ModelCall, *, most: bool) -> tuple[int, int]:
        """Return tokens in and out."""
        model = call.alias or call.asked
        if call.fields is not self._fields:  # limits of one call ask one after the other
            self._fields = call.fields
            self._cap = output_cap(call.endpoint.dialect, call.fields)
        cap = self._cap
        incoming = self._estimator.input_tokens(model, call.body, most=most)
        if most:
            return incoming, LONGEST_ANSWER if cap is None else cap
        return incoming, self._estimator.expected_output(model, cap)

    def cost(self, exchange: Exchange, call: ModelCall, *, most: bool) -> int | None:
        """Return nano-USD: of the dearest deployment that may answer. None: no price is known."""
        pool = call.pool
        if pool is None:
            return None
        incoming, outgoing = self.tokens(call, most=most)
        dearest: int | None = None
        for price in self._prices(exchange, pool, call.asked):
            if price is None:
                return None
            cost = price.most(incoming, outgoing)
            if dearest is None or cost > dearest:
                dearest = cost
        return dearest

    def _prices(self, exchange: Exchange, pool: ModelPool, asked: str) -> list[Price | None]:
        prices = [each.price(asked) for each in pool.deployments]
        for fallback in pool.config.fallbacks:
            other = exchange.snapshot.models.find(fallback.model)
            if other is not None:
                prices += [each.price(fallback.model) for each in other.deployments]
        return prices
