"""What callers are told of a call: by whom, what it used, what it cost, what we took of its time.

In headers of whole answers. The head of a stream is gone before anybody knows, so there it is a
last comment, which readers of events skip: `: sluicegate {…}`, a JSON object. Google's SDK does not
(google/genai/_api_client.py takes every line for data), so its streams have none.

LiteLLM's names (docs.litellm.ai/docs/proxy/response_headers) are added where a route wants them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from sluicegate.llm.framing.sse import comment

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.headers import Headers
    from sluicegate.llm.call import ModelCall

READ_COMMENTS: Final = frozenset(
    {"openai_chat", "openai_completions", "openai_responses", "anthropic_messages"}
)
"""Dialects whose SDKs read streams with comments in them."""
NANO: Final = 1_000_000_000
ENCODE: Final = msgspec.json.Encoder().encode

Fields = list[tuple[bytes, bytes]]


def usd(nano: int) -> str:
    """Write nano-USD as dollars, exactly: `0.00012345`."""
    whole, rest = divmod(nano, NANO)
    return f"{whole}.{rest:09}".rstrip("0").rstrip(".") if rest else str(whole)


def overhead_ms(exchange: Exchange, call: ModelCall) -> float:
    """Return what was not spent waiting for providers, up to the first token, in milliseconds."""
    until = call.first_token_at or exchange.clock.monotonic()
    return max(0.0, round((until - exchange.started_at - call.waited_s) * 1e6) / 1e3)


def cost_headers(exchange: Exchange, call: ModelCall, *, litellm: bool) -> Fields:
    """Return headers of a whole answer."""
    overhead = b"%.3f" % overhead_ms(exchange, call)
    fields: Fields = []
    cost = call.cost
    if call.charges:
        fields.append((b"sluicegate-tokens", _tokens(call)))
        if cost is not None:
            fields.append((b"sluicegate-cost", usd(cost).encode()))
    fields.append((b"sluicegate-overhead-ms", overhead))
    if litellm:
        fields += _litellm(exchange, call, cost, overhead)
    return fields


def last_comment(exchange: Exchange) -> bytes:
    """Return what stands behind a stream of one of `READ_COMMENTS` (an `on_end` hook)."""
    call = exchange.call
    response = exchange.response
    if call is None or response is None or not _is_stream(response.headers):
        return b""
    cost = call.cost
    said: dict[str, Any] = {
        "model": call.asked,
        "provider": call.provider,
        "attempts": exchange.attempts,
        "overhead_ms": overhead_ms(exchange, call),
    }
    if call.from_cache:
        said["from_cache"] = True
        said["cost"] = "0"
    if call.charges:
        usages = [charge.usage for charge in call.charges]
        said["input"] = sum(usage.input for usage in usages)
        said["output"] = sum(usage.output for usage in usages)
        said["cached"] = sum(usage.cached for usage in usages)
        said["estimated"] = any(usage.estimated for usage in usages)
        if cost is not None:
            said["cost"] = usd(cost)
    return comment("sluicegate " + ENCODE(said).decode())


def _is_stream(headers: Headers) -> bool:
    """Whether it is one: a failure before the first token is told as an answer."""
    return (headers.get(b"content-type") or b"").startswith(b"text/event-stream")


def _tokens(call: ModelCall) -> bytes:
    """Write tokens as a dictionary (RFC 9651): those that are parts of others only if any."""
    incoming = outgoing = cached = reasoning = 0
    estimated = False
    for charge in call.charges:
        usage = charge.usage
        incoming += usage.input
        outgoing += usage.output
        cached += usage.cached
        reasoning += usage.reasoning
        estimated = estimated or usage.estimated
    said = b"input=%d, output=%d" % (incoming, outgoing)
    if cached:
        said += b", cached=%d" % cached
    if reasoning:
        said += b", reasoning=%d" % reasoning
    return said + b", estimated" if estimated else said


def _litellm(exchange: Exchange, call: ModelCall, cost: int | None, overhead: bytes) -> Fields:
    elapsed_ms = (exchange.clock.monotonic() - exchange.started_at) * 1e3
    fields: Fields = [
        (b"x-litellm-call-id", exchange.request.request_id.encode()),
        (b"x-litellm-model-group", (call.alias or "").encode("ascii", "replace")),
        (b"x-litellm-model-id", (call.deployment or "").encode("ascii", "replace")),
        (b"x-litellm-attempted-retries", b"%d" % max(0, exchange.attempts - 1)),
        (b"x-litellm-response-duration-ms", b"%.3f" % elapsed_ms),
        (b"x-litellm-overhead-duration-ms", overhead),
    ]
    if cost is not None:
        fields.append((b"x-litellm-response-cost", usd(cost).encode()))
    return fields
