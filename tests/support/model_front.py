"""Models behind a gateway whose providers fail as a test says, on one loop with a mock clock.

    with model_front(tmp_path, config, providers=2) as at:      # `config` is given their URLs
        at.providers[0].play("m", error("server_error"))
        told = at.ask("chat", "a-model", stream=True)
        assert told.whole and told.text == TEXT

`ask` moves the clock for as long as the answer takes, so that waits and time-outs cost no time. A
caller speaks `chat`, `responses`, `anthropic` or `gemini`; `Told` is what it gets to see.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sluicegate.clock import Clock
from sluicegate.upstream.models.deployment import Deployment
from support.front import Front, Options, started
from support.mock_clock import MockClock
from support.raw_http import Answer
from support.scripted_provider import KEY, ScriptedProvider

TEXT = "The quick brown fox jumps over the lazy dog."
"""What the scenario `text` says."""
CALLERS = ("chat", "responses", "anthropic", "gemini")
KINDS: dict[str, Options] = {
    "openai_chat": {"kind": "openai", "path": "/v1", "dialects": ["openai_chat"]},
    "openai_responses": {"kind": "openai", "path": "/v1", "dialects": ["openai_responses"]},
    "anthropic_messages": {"kind": "anthropic"},
    "gemini_generate": {"kind": "gemini"},
    "bedrock_converse": {"kind": "bedrock", "region": "us-east-1"},
    "cohere_chat": {"kind": "cohere"},
}
"""A provider that speaks each dialect."""
STEP_S = 0.5


@dataclass
class Told:
    """What a caller was told. `done`: the end marker came; `error`: the error's object, or {}."""

    status: int
    headers: dict[str, str]
    body: bytes
    text: str = ""
    done: bool = False
    error: dict[str, Any] = field(default_factory=dict)
    framed: bool = True
    """The response ended as HTTP says that it ends."""

    @property
    def whole(self) -> bool:
        """An answer, from beginning to end."""
        return self.status == 200 and self.done and not self.error and self.framed

    @property
    def honest(self) -> bool:
        """An error that says that it is one, and nothing that looks like an end."""
        return bool(self.error) and not self.done and self.framed


class ModelFront(Front):
    """A `Front` whose upstreams are `providers`."""

    def __init__(self, providers: list[ScriptedProvider], clock: Clock) -> None:
        super().__init__([each.upstream for each in providers], clock)
        self.providers = providers
        self._beside = ThreadPoolExecutor(8)

    def ask(self, caller: str, model: str, *headers: str, **options: Any) -> Told:
        """Ask, and move the clock until the answer is there. Options are those of `request`."""
        if isinstance(self.clock, MockClock):
            self.advance(STEP_S)
        with self.connect(timeout_s=30) as client:
            answer = self._beside.submit(
                client.request, request(caller, model, *headers, **options)
            )
            while True:
                try:
                    return told_of(
                        caller, answer.result(0.002), stream=options.get("stream", False)
                    )
                except NotYet:
                    # A request that is still on its way must not be late for our own doing.
                    if isinstance(self.clock, MockClock) and self.do(lambda: self.in_flight):
                        self.advance(STEP_S)

    def deployment(self, model: str, name: str) -> Deployment:
        """Return a deployment as it runs."""
        snapshot = self.plane.inner.snapshot
        assert snapshot is not None
        found = snapshot.models.pools[model].find(name)
        assert found is not None
        return found

    def idle(self) -> bool:
        """Whether no deployment has a call, and no connection of the gateway does."""
        snapshot = self.plane.inner.snapshot
        assert snapshot is not None
        pools = snapshot.models.pools.values()
        return not self.in_flight and not any(x.in_flight for p in pools for x in p.deployments)

    def stop(self) -> None:
        """End the threads, too."""
        self._beside.shutdown()
        super().stop()


@contextmanager
def model_front(
    folder: Path,
    write: Callable[[list[str]], Options],
    *,
    providers: int = 2,
    clock: Clock | None = None,
    expects_errors: bool = False,
) -> Iterator[ModelFront]:
    """Run a gateway before scripted providers. Leaving asserts that no call is under way."""
    made = [ScriptedProvider() for _ in range(providers)]
    at = ModelFront(made, clock or MockClock())
    with started(at, folder, lambda urls: json.dumps(write(urls)), expects_errors=expects_errors):
        yield at
        at.wait(at.idle, "every call has given back what it took")


def config(
    providers: dict[str, Options],
    models: dict[str, Options],
    *,
    ai: Options | None = None,
    **others: Any,
) -> Options:
    """Write a configuration with one route to all models."""
    route = {"match": {"path": "/**"}, "ai": ai or {}, "policies": others.pop("on_route", [])}
    return {"providers": providers, "models": models, "routes": {"ai": route}, **others}


def provider(url: str, dialect: str = "openai_chat", **others: Any) -> Options:
    """Write a provider that speaks `dialect`."""
    facts = dict(KINDS[dialect])
    path = facts.pop("path", "")
    return {**facts, "url": url + path, "key": KEY, **others}


def request(
    caller: str,
    model: str,
    *headers: str,
    stream: bool = False,
    content: Any = "Say something.",
    **members: Any,
) -> bytes:
    """Write a request; `content` is that of the one message, in the caller's words."""
    turns: list[Options] = [{"role": "user", "content": content}]
    body: Options = {"model": model, "stream": stream}
    path = {"chat": "/v1/chat/completions", "responses": "/v1/responses"}.get(
        caller, "/v1/messages"
    )
    if caller == "responses":
        body |= {"input": turns, "store": False}
    elif caller == "gemini":
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        path = f"/v1beta/models/{model}:{verb}"
        parts = [{"text": content}] if isinstance(content, str) else content
        body = {"contents": [{"role": "user", "parts": parts}]}
    else:
        body["messages"] = turns
        if caller == "anthropic":
            body["max_tokens"] = 100
    data = json.dumps(body | members).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: a", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(data)}", "", ""]).encode() + data


def told_of(caller: str, answer: Answer, *, stream: bool) -> Told:
    """Read an answer as the caller's SDK would."""
    told = Told(answer.status, dict(answer.headers), answer.body, framed=answer.whole)
    if stream and answer.status == 200:
        for event in events_of(answer.body):
            _take(caller, told, event)
        return told
    if not answer.whole:
        return told
    said = json.loads(answer.body)
    told.error = said.get("error") or {}
    told.done = answer.status == 200 and not told.error
    if told.done:
        told.text = _text(caller, said)
    return told


def events_of(stream: bytes) -> list[Any]:
    """Return the events' data: JSON, or the text `[DONE]`; fails where a frame is cut."""
    assert stream.endswith((b"\n\n", b"\r\n\r\n")), stream[-100:]
    events = []
    for frame in stream.replace(b"\r\n", b"\n").split(b"\n\n")[:-1]:
        data = b"\n".join(line[6:] for line in frame.split(b"\n") if line.startswith(b"data: "))
        if data:
            events.append("[DONE]" if data == b"[DONE]" else json.loads(data))
    return events


def _take(caller: str, told: Told, event: Any) -> None:
    """Take notice of one event of a stream."""
    if event == "[DONE]":
        told.done = caller == "chat"
        return
    sort = event.get("type", "")
    error = event.get("error") or (event.get("response") or {}).get("error")
    if sort == "error" or error:
        told.error = error or event
    elif caller == "chat":
        told.text += "".join(c["delta"].get("content") or "" for c in event["choices"])
    elif caller == "responses":
        told.text += event["delta"] if sort == "response.output_text.delta" else ""
        told.done = told.done or sort == "response.completed"
    elif caller == "anthropic":
        told.text += event.get("delta", {}).get("text", "") if sort.endswith("delta") else ""
        told.done = told.done or sort == "message_stop"
    else:
        for candidate in event.get("candidates", ()):
            parts = candidate.get("content", {}).get("parts", ())
            told.text += "".join(part.get("text", "") for part in parts)
            told.done = told.done or "finishReason" in candidate


def _text(caller: str, said: Options) -> str:
    """Return the text of a whole answer."""
    if caller == "chat":
        return str(said["choices"][0]["message"]["content"])
    if caller == "responses":
        parts = [part for item in said["output"] for part in item.get("content", ())]
    elif caller == "anthropic":
        parts = said["content"]
    else:
        parts = said["candidates"][0]["content"]["parts"]
    return "".join(part.get("text", "") for part in parts)
