"""What a call of a model may use and cost, before anybody was asked.

`most` is an upper bound; otherwise it is what is to be expected, by what calls of that model have
used so far.

The bound covers: every token of the body, for none is shorter than a byte, and what is enclosed
in it (`llm.enclosed`); as many answers as are asked for, each as long as the call lets it be, or as
the model's can be (`Tariff.longest`, else LONGEST_ANSWER); caps that a translation sets or raises;
the dearest of the deployments, fallbacks and service tiers that may answer; a hedge, which is
charged beside the call that it overtook; and, where a route continues streams, every attempt that
may go on with what was said.
It does not cover: what a provider adds from elsewhere (conversations and caches that it keeps,
results of its own tools), and what it counts in other units than tokens (searches, sessions); a
model that the provider chooses itself, and a surcharge that no price is known of; attempts that
fail after they have begun to answer, where others follow: they are charged with what they brought.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluicegate.llm.enclosed import enclosed
from sluicegate.llm.tiers import asked_tier
from sluicegate.llm.tokens import answer_cap, answers, reasoning_most

if TYPE_CHECKING:
    from msgspec import Raw

    from sluicegate.exchange import Exchange
    from sluicegate.llm.call import ModelCall
    from sluicegate.llm.enclosed import Enclosed
    from sluicegate.llm.tokens import Estimator
    from sluicegate.upstream.models.deployment import Deployment
    from sluicegate.upstream.models.pool import ModelPool

LONGEST_ANSWER: Final = 131_072
"""Output tokens of an answer without a bound, of a model of which no list says it; see
`price_book.LONGEST_ANSWER`."""
DEFAULT_CAP: Final = 4096
"""What the writers of `anthropic_messages` set where a call of another dialect has no cap."""
GOES_ON: Final = 128
"""Tokens of the words that ask for the rest of an answer (`continuation.GO_ON`) and around them."""
RAISES: Final = frozenset({"anthropic_messages", "bedrock_converse"})
"""Dialects of which the writers raise a cap above the budget for reasoning."""
ANTHROPIC: Final = "anthropic_messages"
SPOKEN: Final = frozenset({"modalities", "audio", "generationConfig", "generation_config"})
"""Fields that may ask for sound."""


class Forecast:
    """One for a worker."""

    __slots__ = (
        "_answers", "_body", "_bound", "_call", "_cap", "_enclosed", "_estimator", "_fields",
        "_hour", "_media", "_reasoning", "_tier",
    )  # fmt: skip

    def __init__(self, estimator: Estimator) -> None:
        """`estimator` knows how many bytes a token has."""
        self._estimator = estimator
        self._call: ModelCall | None = None
        self._bound = -1  # of `_call`; not known yet
        self._fields: dict[str, Raw] | None = None
        self._body = b""
        self._cap: int | None = None
        self._answers = 1
        self._enclosed: Enclosed | None = None
        self._reasoning = 0
        self._tier = ""
        self._media = False
        self._hour = False

    def tokens(self, call: ModelCall, *, most: bool) -> tuple[int, int]:
        """Return tokens in and out."""
        self._read(call)
        model = call.alias or call.asked
        cap, body = self._cap, call.body
        incoming = self._estimator.input_tokens(model, body, most=most, media=self._enclosed)
        if most:
            return incoming, LONGEST_ANSWER * self._answers if cap is None else cap
        return incoming, self._estimator.expected_output(model, cap)

    def cost(self, exchange: Exchange, call: ModelCall, *, most: bool) -> int | None:
        """Return nano-USD: of the dearest deployment that may answer. None: no price is known."""
        pool = call.pool
        if pool is None:
            return None
        self._read(call)
        if most and self._bound >= 0:
            return self._bound
        incoming, outgoing = self.tokens(call, most=most)
        pools = [(call.asked, pool)]
        for fallback in pool.config.fallbacks:
            other = exchange.snapshot.models.find(fallback.model)
            if other is not None:
                pools.append((fallback.model, other))
        tries, hedged = 1, 0
        if most:
            hedged = max([_hedges(each) for _, each in pools])
            if call.stream and _continues(exchange):
                tries = pool.config.attempts
                # Each shows the next one what was said: at worst that much, by all before it.
                incoming += (outgoing + self._reasoning + GOES_ON) * (tries - 1)
        dearest = 0
        for asked, each in pools:
            cost = self._dearest(call, each, asked, incoming, outgoing, most=most)
            if cost is None:
                return None
            dearest = max(dearest, cost)
        dearest *= tries + hedged
        if most:
            self._bound = dearest
        return dearest

    def _dearest(
        self, call: ModelCall, pool: ModelPool, asked: str, incoming: int, outgoing: int, *,
        most: bool,
    ) -> int | None:  # fmt: skip
        """Return what the dearest deployment of a pool costs; None where one has no price."""
        dearest = 0
        for deployment in pool.deployments:
            tariff = deployment.tariff(asked)
            if tariff is None:
                return None
            now_us = deployment.admitted_us(call)
            wrote = outgoing
            if most and (self._cap is None or self._reasoning >= self._cap):
                wrote = self._room(call, deployment, asked, tariff.longest)
            media, hour = self._media, self._hour
            if most:
                cost = tariff.most(now_us, self._tier, incoming, wrote, media=media, hour=hour)
            else:
                price = tariff.at(now_us, self._tier)
                cost = price.most(incoming, wrote, media=media, hour=hour)
            dearest = max(dearest, cost)
        return dearest

    def _room(
        self, call: ModelCall, deployment: Deployment, asked: str, longest: int | None
    ) -> int:
        """Return the most that a deployment may write: without a cap, or below its reasoning."""
        cap, caller = self._cap, call.endpoint.dialect
        spoken = deployment.speaks(asked, caller)
        if cap is not None:
            raised = spoken != caller and spoken in RAISES
            return cap + self._reasoning if raised else cap
        if spoken != caller and spoken == ANTHROPIC:
            return DEFAULT_CAP + self._reasoning
        return (LONGEST_ANSWER if longest is None else longest) * self._answers

    def _read(self, call: ModelCall) -> None:
        """Look at a call, once: its limits ask one after the other."""
        fields, body = call.fields, call.body
        if call is self._call and fields is self._fields and body is self._body:
            return
        self._call, self._fields, self._body = call, fields, body
        self._bound = -1
        dialect = call.endpoint.dialect
        each, self._answers = answer_cap(dialect, fields), answers(dialect, fields)
        self._cap = None if each is None else each * self._answers
        self._enclosed = found = enclosed(body)
        self._reasoning = reasoning_most(dialect, fields)
        self._tier = asked_tier(fields)
        self._media = found.most_tokens > 0 or not SPOKEN.isdisjoint(fields)
        self._hour = b'1h"' in body or b"\\u" in body  # an escape may hide it


def _hedges(pool: ModelPool) -> int:
    """Return how many calls may be made beside one."""
    return 1 if pool.config.hedge is not None and len(pool.deployments) > 1 else 0


def _continues(exchange: Exchange) -> bool:
    route = exchange.route
    return route is not None and route.config.ai is not None and route.config.ai.continue_streams
