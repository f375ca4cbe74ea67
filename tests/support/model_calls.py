"""Calls of models through a data plane on the test's loop, to a provider that plays a script.

    async with model_world(tmp_path, {"m": deployments("chat")}) as world:
        answer = await world.chat("m")
        world.provider.calls, world.plane.clock

Providers: `chat` and `other` (OpenAI's chat), `responses`, `anthropic`, `gemini`. The clock stands
still until a test moves it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sluicegate.upstream.models.deployment import Deployment
from support.gateway import Plane, data_plane
from support.mock_clock import MockClock
from support.raw_http import Answer, ask
from support.scripted_provider import KEY, ScriptedProvider

ASKED = [{"role": "user", "content": "Say something."}]


def providers(url: str) -> dict[str, Any]:
    """Return providers that are all played by one server."""
    chat = {"kind": "openai", "url": f"{url}/v1", "key": KEY, "dialects": ["openai_chat"]}
    return {
        "chat": chat | {"dialects": ["openai_chat", "openai_completions", "openai_embeddings"]},
        "other": chat,
        "responses": chat | {"dialects": ["openai_responses"]},
        "anthropic": {"kind": "anthropic", "url": url, "key": KEY},
        "bedrock": {"kind": "bedrock", "url": url, "key": KEY, "region": "us-east-1"},
        "gemini": {"kind": "gemini", "url": url, "key": KEY},
    }


def deployments(*providers: str, model: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a model with a deployment at each of these providers; `model` is theirs."""
    each = {} if model is None else {"model": model}
    return {"deployments": [{"provider": name, **each} for name in providers], **more}


def request(method: str, path: str, body: Any = None, **headers: str) -> bytes:
    """Write a request; names of `headers` have `_` for `-`. A body that is not bytes is JSON."""
    said = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: ai.example", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body is None:
        return "\r\n".join([*lines, "", ""]).encode()
    lines += ["Content-Type: application/json", f"Content-Length: {len(said)}", "", ""]
    return "\r\n".join(lines).encode() + said


class ModelWorld:
    """A plane, its clock, and the provider behind it."""

    def __init__(self, plane: Plane, clock: MockClock, provider: ScriptedProvider) -> None:
        self.plane = plane
        self.clock = clock
        self.provider = provider

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request on a connection of its own."""
        return await asyncio.to_thread(ask, self.plane.port, request(method, path, body, **headers))

    async def chat(self, model: str, *, stream: bool = False, **fields: Any) -> Answer:
        """Call a model as OpenAI's SDK does."""
        body = {"model": model, "messages": ASKED, "stream": stream, **fields}
        return await self.ask("POST", "/v1/chat/completions", body)

    async def later(self, work: Any, seconds: float, step_s: float = 0.25) -> Answer:
        """Wait for an answer while the clock is moved on, by `seconds` at the most."""
        task = asyncio.ensure_future(work)
        await self.until(lambda: bool(self.provider.calls))
        for _ in range(int(seconds / step_s)):
            self.clock.advance(step_s)
            done, _ = await asyncio.wait([task], timeout=0.02)
            if done:
                break
        return await task

    async def until(self, holds: Any) -> None:
        """Wait until something holds, 20 s at the most."""
        async with asyncio.timeout(20):
            while not holds():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.005)

    @property
    def deployments(self) -> Iterator[Deployment]:
        """All deployments that the plane knows."""
        assert self.plane.inner.snapshot is not None
        for pool in self.plane.inner.snapshot.models.pools.values():
            yield from pool.deployments

    async def first_token(self, gate: asyncio.Event) -> None:
        """Let a provider that waits for `gate` begin, and wait until the gateway has noticed."""
        await self.until(lambda: self.provider.calls)
        self.clock.advance(0.5)
        gate.set()
        now = self.clock.monotonic()
        await self.until(lambda: any(each.latency.at(now) for each in self.deployments))

    @property
    def in_flight(self) -> int:
        """Calls that no deployment has given back."""
        return sum(each.in_flight for each in self.deployments)


@asynccontextmanager
async def model_world(
    folder: Path,
    given: dict[str, Any] | None = None,
    ai: dict[str, Any] | None = None,
    **top: Any,
) -> AsyncIterator[ModelWorld]:
    """Run a plane with one route of AI endpoints and `given` models; `top` are sections."""
    provider, clock = ScriptedProvider(), MockClock()
    await provider.start()
    try:
        config = {
            "policies": [{"access_log": {}}],
            "providers": providers(provider.url),
            "models": given or {"*": deployments("chat", model="*")},
            "routes": {"ai": {"match": {"path": "/**"}, "ai": ai or {}}},
        } | top
        async with data_plane(folder, json.dumps(config), clock) as plane:
            yield ModelWorld(plane, clock, provider)
    finally:
        await provider.stop()


def data_of(answer: Answer) -> list[str]:
    """Return the data of the events of an SSE stream."""
    lines = answer.body.decode().replace("\r\n", "\n").split("\n")
    return [line[6:] for line in lines if line.startswith("data: ")]


def said(answer: Answer) -> str:
    """Return the text of a stream of OpenAI's chat."""
    events = [json.loads(data) for data in data_of(answer) if data != "[DONE]"]
    deltas = [event["choices"][0]["delta"] for event in events if event.get("choices")]
    return "".join(delta.get("content") or "" for delta in deltas)
