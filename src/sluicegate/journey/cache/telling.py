"""An exchange that asks the same as another one, and what that one is told of it afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluicegate.exchange import Exchange
from sluicegate.llm.call import ModelCall

if TYPE_CHECKING:
    from sluicegate.exchange import Sink


def copied(exchange: Exchange, sink: Sink) -> Exchange:
    """Return an exchange that asks the same, for nobody in particular."""
    made = Exchange(exchange.request, exchange.client, sink, exchange.snapshot, exchange.clock)
    made.started_at = exchange.started_at
    made.route, made.plan = exchange.route, exchange.plan
    made.consumer, made.consumer_name = exchange.consumer, exchange.consumer_name
    made.key_id, made.scopes, made.models = exchange.key_id, exchange.scopes, exchange.models
    made.priority = exchange.priority
    made.deadline, made.deadline_header = exchange.deadline, exchange.deadline_header
    made.trace, made.speaks, made.endpoint = exchange.trace, exchange.speaks, exchange.endpoint
    made.call = None if exchange.call is None else copied_call(exchange.call)
    return made


def copied_call(call: ModelCall) -> ModelCall:
    """Return a call that asks the same, of which nothing was done yet."""
    made = ModelCall(call.endpoint, call.asked)
    made.alias, made.pool = call.alias, call.pool
    made.allows = list(call.allows)
    made.overrides = call.overrides
    made.stream, made.body, made.fields = call.stream, call.body, call.fields
    made.request = call.request
    made.unknown = list(call.unknown)
    return made


def tell(copy: Exchange, exchange: Exchange, *, pays: bool) -> None:
    """Write to a follower's exchange what became of the request; to the payer's, what it cost.

    Harmless a second time, when more is known.
    """
    exchange.service, exchange.target = copy.service, copy.target
    exchange.problem = exchange.problem or copy.problem
    exchange.outcome = exchange.outcome or copy.outcome
    done, call = copy.call, exchange.call
    if pays:
        exchange.attempts = copy.attempts
        exchange.first_byte_at = copy.first_byte_at
    if done is None or call is None:
        return
    call.provider, call.deployment = done.provider, done.deployment
    call.failure = done.failure
    call.dropped = done.dropped
    call.from_cache = not pays
    if pays:
        call.charges = done.charges
        call.usage = done.usage
        call.unknown = done.unknown
        call.request = done.request
        call.waited_s = done.waited_s
    elif done.first_token_at:  # it has waited for as long as it was there
        here_s = max(0.0, done.first_token_at - exchange.started_at)
        call.waited_s = min(done.waited_s, here_s)
    call.first_token_at = done.first_token_at


def forget(exchange: Exchange) -> None:
    """Take back what a follower was told of costs: somebody else pays."""
    call = exchange.call
    if call is not None:
        call.charges, call.usage = [], None
        call.from_cache = True
