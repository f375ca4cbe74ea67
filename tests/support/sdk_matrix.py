"""The official SDKs by the dialects of providers by what an LLM API can do, through one gateway.

python -m support.sdk_matrix           play all of it, print the page; status 1 if something is off
python -m support.sdk_matrix --write   put it into docs/sdks.md too, if nothing is

A cell is one scenario, as one SDK asks it of a provider of one dialect, streamed or not. It holds
if the SDK reads what the scenario says and the provider was sent what the SDK was given; or if it
is refused as `sdk_matrix_limits` says, with a 400 that names the field.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from support.gateway import Gateway, gateway
from support.llm_goldens import SCENARIOS as SAID
from support.llm_goldens import USAGES
from support.loops import in_thread
from support.scripted_provider import (
    GOLDEN,
    KEY,
    Call,
    Play,
    ScriptedProvider,
    begin,
    frames,
    send,
    stream_of,
    streamed_error,
)
from support.sdk_matrix_anthropic import Messages
from support.sdk_matrix_gemini import Models
from support.sdk_matrix_limits import LIMITS, RETRY_AFTER, UNSAID, page
from support.sdk_matrix_openai import Chat, Responses
from support.sdk_matrix_said import (
    AGAIN,
    BRIEF,
    CITY,
    MOST,
    PNG,
    RESULT,
    SIGNATURE,
    THOUGHT,
    TOOL,
    USER,
    Caller,
    Person,
    Refused,
    Said,
    has_word,
)
from support.sdk_matrix_sent import Sent, sent_to
from support.upstreams import Talk

PAGE = Path(__file__).parents[2] / "docs" / "sdks.md"
CALLER_KEY, OTHER_KEY = "key-of-the-caller", "key-that-may-ask-for-nothing"
PROVIDERS = {
    "openai_chat": "kind: openai, url: '{}/v1', dialects: [openai_chat, openai_completions, "
    "openai_embeddings]",
    "openai_responses": "kind: openai, url: '{}/v1', dialects: [openai_responses]",
    "anthropic_messages": "kind: anthropic, url: '{}'",
    "gemini_generate": "kind: gemini, url: '{}'",
    "bedrock_converse": "kind: bedrock, url: '{}', region: us-east-1",
    "cohere_chat": "kind: cohere, url: '{}'",
}
DIALECTS = list(PROVIDERS)
CALLERS: list[type[Chat | Responses | Messages | Models]] = [Chat, Responses, Messages, Models]
SCENARIOS = [
    "text", "system", "tools", "parallel_tools", "tool_results", "structured", "image",
    "reasoning", "handed_back", "stop_sequence", "cached", "length", "content_filter",
]  # fmt: skip
FAILURES = [
    "invalid_request", "context_length", "content_filter", "not_found", "rate_limited", "quota",
    "server_error", "overloaded", "authentication", "permission",
]  # fmt: skip
MARKED = {
    ("openai_chat", "openai_chat"), ("openai_chat", "openai_responses"),
    ("openai_responses", "openai_chat"), ("openai_responses", "openai_responses"),
    ("anthropic_messages", "anthropic_messages"), ("anthropic_messages", "bedrock_converse"),
}  # fmt: skip
"""Who can say what is worth caching, to whom: a key of OpenAI's, or a marker of Anthropic's."""
OF_THE_GATEWAY = ["caller_key", "caller_model", "no_model"]
AT_ONCE_S = 5
"""Far below every time-out of the gateway: a connection that is closed by then was cut at once."""


@dataclass
class World:
    """A gateway before a provider that speaks everything, and the SDKs."""

    provider: ScriptedProvider
    gateway: Gateway
    callers: dict[str, Caller]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.gateway.port}"


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Run one."""
    with ExitStack() as stack:
        provider = stack.enter_context(in_thread(ScriptedProvider()))
        keys = {"PROVIDER_KEY": KEY, "CALLER_KEY": CALLER_KEY, "OTHER_KEY": OTHER_KEY}
        running = stack.enter_context(gateway(folder, configuration(provider.url), **keys))
        url = f"http://127.0.0.1:{running.port}"
        callers = {each.dialect: each for each in (make(url, CALLER_KEY) for make in CALLERS)}
        for caller in callers.values():
            stack.callback(caller.close)
        yield World(provider, running, callers)


def configuration(url: str) -> str:
    """Return the gateway's: every provider dialect under a prefix of its own, nothing repeated."""
    lines = ["policies: [{metrics: {}}, {access_log: {}}]", "providers:"]
    for name, facts in PROVIDERS.items():
        lines.append(f"  {name}: {{{facts.format(url)}, key: '${{env:PROVIDER_KEY}}'}}")
    lines.append("models:")
    for name in PROVIDERS:
        once = "attempts: 1, max_wait: 0, cooldown: {time: 0, max_time: 0}"
        deployed = f"deployments: [{{provider: {name}, model: '*'}}]"
        lines.append(f"  '{name}/*': {{{deployed}, {once}}}")
    lines += [
        "  named:",
        "    description: A model by its own name",
        "    deployments: [{provider: openai_chat, model: scenario-text}]",
        "consumers:",
        "  caller: {keys: [{value: '${env:CALLER_KEY}'}]}",
        "  other: {keys: [{value: '${env:OTHER_KEY}', models: ['nothing/*']}]}",
        "routes:",
        "  ai:",
        "    match: {path: /**}",
        "    ai: {proxy: [openai_chat, anthropic_messages, gemini_generate]}",
        "    policies: [{api_key: {}}]",
    ]
    return "\n".join(lines) + "\n"


# --- a cell --------------------------------------------------------------------------------------


def play(world: World, caller: Caller, dialect: str, scenario: str, *, stream: bool) -> str:
    """Play one cell; returns `ok` or the field of the 400. Raises what shows that it is off."""
    world.provider.calls.clear()
    back = None
    name = scenario.replace("_", "-")
    if scenario == "handed_back":
        back = caller.ask(f"{dialect}/scenario-reasoning", "reasoning", stream=stream)
        name = "text"
    limit = LIMITS.get((caller.dialect, dialect, scenario))
    try:
        said = caller.ask(f"{dialect}/scenario-{name}", scenario, stream=stream, back=back)
    except Exception as error:
        refused = caller.refused(error)
        if refused is None or limit is None:
            raise
        assert refused.status == 400, refused
        assert f"`{limit[0]}`" in refused.text, refused
        assert len(world.provider.calls) == (back is not None)
        return limit[0]
    assert limit is None, f"it is not refused any more: {limit}"
    call = world.provider.calls[-1]
    assert (call.dialect, call.stream) == (dialect, stream)
    check_sent(sent_to(dialect, call.content), caller.dialect, dialect, scenario)
    check_said(said, caller, dialect, scenario, stream=stream)
    return "ok"


def check_said(said: Said, caller: Caller, dialect: str, scenario: str, *, stream: bool) -> None:
    """Compare what the SDK read with the scenario."""
    unsaid = UNSAID.get((caller.dialect, dialect, scenario), set())
    if scenario == "content_filter":
        assert said.stop in caller.stops[scenario], said
        return
    text, thinking, calls, stop = SAID["text" if scenario == "handed_back" else scenario]
    assert (said.text, said.calls) == (text, calls), said
    assert said.stop in caller.stops[stop], said
    assert "thinking" in unsaid or said.thinking == thinking, said
    if scenario == "structured":
        assert stream or said.parsed == Person(name="Ada", age=36)
    if stream and scenario == "text":
        assert said.pieces > 1
    usage = USAGES.get(scenario)
    if usage is not None:
        reasoning = 0 if "reasoning_tokens" in unsaid else usage[3]
        assert said.usage == (*usage[:3], reasoning), said


def check_sent(sent: Sent, asker: str, dialect: str, scenario: str) -> None:
    """Compare what the provider was sent with what the SDK was given."""
    unsaid = UNSAID.get((asker, dialect, scenario), set())
    assert sent.user[0] == USER[scenario], sent
    assert sent.system == (BRIEF if scenario in ("system", "cached") else ""), sent
    if "tool" in scenario:
        assert list(sent.tools) == [TOOL], sent
        parameters = sent.tools[TOOL]
        assert parameters["properties"]["city"]["type"] == "string"
        assert parameters["required"] == ["city"]
    if scenario == "tool_results":
        assert (sent.calls, sent.results) == ([(TOOL, {"city": CITY})], [RESULT]), sent
    if scenario == "structured":
        assert sent.schema is not None, sent
        properties = sent.schema["properties"]
        assert {name: of["type"] for name, of in properties.items()} == {
            "name": "string",
            "age": "integer",
        }
        assert sorted(sent.schema["required"]) == ["age", "name"]
    assert sent.images == ([PNG] if scenario == "image" else []), sent
    assert sent.stop == (["END"] if scenario == "stop_sequence" else []), sent
    assert scenario != "length" or sent.most == MOST, sent
    if scenario in ("reasoning", "handed_back"):
        assert sent.effort in ("low", 1024), sent
    else:
        assert sent.effort is None, sent
    if scenario == "cached":
        assert sent.cache == ((asker, dialect) in MARKED), sent
    if scenario == "handed_back":
        assert sent.user[-1] == AGAIN, sent
        assert "thinking" in unsaid or sent.thinking == THOUGHT, sent
        assert "signature" in unsaid or sent.signature == SIGNATURE, sent


# --- failures ------------------------------------------------------------------------------------


def has_failure(dialect: str, kind: str) -> bool:
    """Whether its vendor has such an error: a filter is an answer of Gemini, Cohere has none."""
    return kind != "content_filter" or dialect not in ("gemini_generate", "cohere_chat")


def fail(caller: Caller, dialect: str, kind: str, *, stream: bool) -> str:
    """Let it go wrong at the provider; the SDK raises its own class. Returns that."""
    name, status = caller.errors[kind]
    model = f"{dialect}/error-{kind.replace('_', '-')}"
    refused = _refusal(caller, lambda: caller.ask(model, "text", stream=stream))
    assert name in refused.names, refused
    assert refused.status == status, refused
    assert KEY not in refused.text
    if kind == "rate_limited":
        assert refused.retry_after == RETRY_AFTER[dialect], refused
    return name


def break_off(world: World, caller: Caller, dialect: str) -> None:
    """Let a stream say in its middle that it failed, or that there is too much to do."""
    first = 3 if dialect == "gemini_generate" else 0  # the others' goldens begin at the beginning
    for kind in ("server_error", "overloaded"):
        if (GOLDEN / dialect / "errors" / f"{kind}.stream").exists():
            world.provider.play("broken", streamed_error(kind, after=first))
            refused = _refusal(caller, lambda: caller.ask(f"{dialect}/broken", "text", stream=True))
            name, status = caller.errors[f"{kind}_in_stream"]
            assert name in refused.names, refused
            assert refused.status == status, refused


def deny(world: World, caller: Caller, kind: str, dialect: str, *, stream: bool) -> str:
    """Let the gateway refuse: a wrong key, a key without this model, a model that there is not."""
    keys = {"caller_key": "no-key", "caller_model": OTHER_KEY, "no_model": CALLER_KEY}
    model = "none/such" if kind == "no_model" else f"{dialect}/scenario-text"
    other = type(caller)(world.url, keys[kind])
    try:
        refused = _refusal(other, lambda: other.ask(model, "text", stream=stream))
    finally:
        other.close()
    name, status = caller.errors[kind]
    assert name in refused.names, refused
    assert refused.status == status, refused
    return name


def _refusal(caller: Caller, ask: Callable[[], Said]) -> Refused:
    try:
        said = ask()
    except Exception as error:
        refused = caller.refused(error)
        if refused is None:
            raise
        return refused
    raise AssertionError(f"it was answered: {said}")


def leave(world: World, caller: Caller, dialect: str, *, stream: bool) -> None:
    """Close a stream after its first text, or cancel a call: the provider sees it at once."""
    gone = threading.Event()
    world.provider.play("held", held(gone))
    world.provider.calls.clear()
    if stream:
        with caller.first_of(f"{dialect}/held") as pieces:
            next(pieces)
            assert not gone.is_set()
    else:
        asyncio.run(_cancelled(world, caller, f"{dialect}/held"))
    assert gone.wait(AT_ONCE_S), "the provider still sends"


async def _cancelled(world: World, caller: Caller, model: str) -> None:
    call = asyncio.create_task(caller.whole(model))
    while not world.provider.calls:
        await asyncio.wait([call], timeout=0.01)
        assert not call.done(), call
    call.cancel()
    await asyncio.wait([call])
    assert call.cancelled(), call


def held(gone: threading.Event) -> Play:
    """Send the first half of a stream, or nothing, until the gateway closes; then set `gone`."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        try:  # it may be left while it still sends
            if call.stream:
                sent = frames(stream_of(folder, "text"), call.dialect)
                await begin(talk, call)
                await send(talk, b"".join(sent[: -(len(sent) // 2)]))
            await talk.gone()
        finally:
            gone.set()
        raise ConnectionResetError

    return play


# --- all of it -----------------------------------------------------------------------------------


def plays(world: World, caller: Caller, dialect: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """Return all that is played between an SDK and a dialect, each with its name."""
    for stream in (False, True):
        how = "streamed" if stream else "whole"
        for scenario in SCENARIOS:
            if has_word(caller, scenario):
                yield (
                    f"{scenario} {how}",
                    partial(play, world, caller, dialect, scenario, stream=stream),
                )
        for kind in FAILURES:
            if has_failure(dialect, kind):
                yield f"{kind} {how}", partial(fail, caller, dialect, kind, stream=stream)
        for kind in OF_THE_GATEWAY:
            yield f"{kind} {how}", partial(deny, world, caller, kind, dialect, stream=stream)
        yield f"leaving {how}", partial(leave, world, caller, dialect, stream=stream)
    yield "an error in mid-stream", partial(break_off, world, caller, dialect)


def written() -> str:
    """Return the page as it must be."""
    callers = [(each.name, each.dialect) for each in CALLERS]
    return page(callers, DIALECTS, SCENARIOS)


def main(arguments: list[str]) -> int:
    """Play all and print; returns the exit status."""
    off = 0
    with TemporaryDirectory() as folder, world(Path(folder)) as running:
        for caller in running.callers.values():
            for dialect in DIALECTS:
                for name, work in plays(running, caller, dialect):
                    try:
                        work()
                    except Exception as error:  # noqa: BLE001 - what it is stands in the line
                        off += 1
                        sys.stderr.write(f"off: {caller.name}, {dialect}, {name}: {error!r}\n")
    sys.stdout.write(written())
    if "--write" in arguments and not off:
        PAGE.write_text(written())
    return int(off > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
