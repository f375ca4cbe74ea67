"""Calls of models for tests of the stage `cache`: exchanges that were read, and dispatches.

asked = call({"model": "m", "messages": []}, consumer="ann")
await policy.handle(asked, answering(b'{"id":1}'))
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from sluicegate.clock import Clock
from sluicegate.exchange import Exchange, Response
from sluicegate.headers import Headers
from sluicegate.llm.call import Charge, ModelCall
from sluicegate.llm.canonical import Usage
from sluicegate.llm.endpoint import Endpoint
from sluicegate.model.model import Model
from sluicegate.model.units import convert
from sluicegate.policy import Parts
from sluicegate.state.cache.memory import MemoryCache
from support.exchanges import ClientSide, Pairs, exchange, parts

Onward = Callable[[Exchange], Awaitable[None]]
BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
CONFIG = convert({"deployments": [{"provider": "p", "model": "m"}]}, Model)
FORWARDS = frozenset({b"anthropic-beta", b"x-title"})


class Client(ClientSide):
    """The sink, which also knows when it was flushed."""

    def __init__(self) -> None:
        super().__init__()
        self.flushed = b""

    def flush(self) -> None:
        self.flushed = self.body

    def send_end(self, trailers: Headers | None) -> None:
        super().send_end(trailers)
        self.flush()


def pool(config: Model = CONFIG, name: str = "m") -> Any:
    """Return what stands for a model: one deployment, `p/m`."""
    facts = SimpleNamespace(forwards=FORWARDS)
    deployment = SimpleNamespace(name="p/m", link=SimpleNamespace(facts=facts))
    found = {"p/m": deployment}
    return SimpleNamespace(name=name, config=config, deployments=[deployment], find=found.get)


def call(
    body: dict[str, Any] | bytes = BODY,
    *,
    dialect: str = "openai_chat",
    consumer: str | None = "ann",
    headers: Pairs = (),
    clock: Clock | None = None,
    config: Model = CONFIG,
    stream: bool = False,
) -> Exchange:
    """Return an exchange whose body was read."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    made = exchange("POST", "/v1/chat/completions", headers=headers, clock=clock)
    made.sink = cast("Any", Client())
    made.consumer_name = consumer
    endpoint = Endpoint("call", dialect)
    made.endpoint = endpoint
    asked = made.call = ModelCall(endpoint, "m")
    asked.alias, asked.pool = "m", pool(config)
    asked.body, asked.stream = raw, stream
    asked.fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    return made


def client(made: Exchange) -> Client:
    """Return what the client of an exchange has got."""
    return cast("Client", made.sink)


def begin(
    asked: Exchange, headers: Sequence[tuple[bytes, bytes]] = (), length: int | None = None
) -> None:
    """Note who answers, and send the head."""
    asked.attempts += 1
    asked.service, asked.target = "p", "p/m"
    if asked.call is not None:
        asked.call.provider, asked.call.deployment = "p", "p/m"
    asked.head(Response(200, Headers(headers), length), None)


def charge(asked: Exchange, cost: int = 7) -> None:
    """Note what an attempt has used."""
    assert asked.call is not None
    used = Usage(input=3, output=4)
    asked.call.usage = used
    asked.call.charges.append(Charge(used, cost))


def answering(
    *pieces: bytes, headers: Sequence[tuple[bytes, bytes]] = (), clock: Any = None, gap_s: float = 0
) -> Onward:
    """Return a dispatch that gives one piece as a whole answer, and several as a stream."""

    async def onward(asked: Exchange) -> None:
        length = len(pieces[0]) if len(pieces) == 1 else None
        begin(asked, [(b"content-type", b"application/json"), *headers], length)
        for piece in pieces:
            if clock is not None:
                clock.advance(gap_s)
            asked.chunk(piece)
        if asked.call is not None:
            charge(asked)
        asked.end(None)
        await asked.finish_whole()

    return onward


def counting(onward: Onward) -> tuple[Onward, list[Exchange]]:
    """Return a dispatch, and the exchanges that have come to it."""
    seen: list[Exchange] = []

    async def counted(asked: Exchange) -> None:
        seen.append(asked)
        await onward(asked)

    return counted, seen


def with_cache(clock: Clock, max_bytes: int = 1 << 20) -> Parts:
    """Return parts with a cache in memory."""
    made = parts(clock)
    return replace(made, cache=MemoryCache(clock, made.metrics, max_bytes))


async def turns(count: int = 20) -> None:
    """Let the loop turn."""
    for _ in range(count):
        await asyncio.sleep(0)
