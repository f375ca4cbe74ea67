"""A vendor that plays every dialect, from the goldens: one server, all paths.

    provider = ScriptedProvider()          # await provider.start() …, or `with in_thread(provider)`
    provider.url                           # for `url` of a provider (plus `/v1` for OpenAI's)
    provider.calls                         # what it was asked, in order

The model's name says what is played:
    scenario-<name>   tests/golden/llm/<dialect>/<name>.response.json or .stream, `_` as `-`
    error-<kind>      errors/<kind>.json of the dialect
    anything else     what `play` was told; else a fault (`fault-reset`, see FAULTS); else 404

    provider.play("fault-flap", error("server_error"), golden("text"))   # the last one for ever

A key is asked for where the dialect's SDK puts it; a wrong one gets the dialect's 401. Paths of no
dialect are answered with what was asked, as JSON: for what passes through untranslated.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from support.upstreams import Received, Talk, Upstream, response

GOLDEN = Path(__file__).parents[1] / "golden" / "llm"
KEY = "key-of-the-gateway"
PIECE = 97
"""Bytes of a stream that are sent together: no frame ends where a piece does."""
SSE = "text/event-stream; charset=utf-8"
EVENT_STREAM = "application/vnd.amazon.eventstream"
PATHS: tuple[tuple[str, str], ...] = (
    (r"/(?:v1|v3|openai/v1)/chat/completions|.*/deployments/[^/]+/chat/completions", "openai_chat"),
    (r".*/endpoints/openapi/chat/completions|/chat/completions", "openai_chat"),
    (r".*/responses", "openai_responses"),
    (r".*/embeddings", "openai_embeddings"),
    (r".*/messages/count_tokens|.*/count-tokens:rawPredict", "anthropic_count_tokens"),
    (r".*/messages", "anthropic_messages"),
    (
        r".*/models/(?P<model>[^/]+):(?:rawPredict|(?P<stream>streamRawPredict))",
        "anthropic_messages",
    ),
    (r".*/models/(?P<model>[^/]+):countTokens", "gemini_count_tokens"),
    (
        r".*/models/(?P<model>[^/]+):(?:generateContent|(?P<stream>streamGenerateContent))",
        "gemini_generate",
    ),
    (r"/model/(?P<model>[^/]+)/(?:converse|(?P<stream>converse-stream))", "bedrock_converse"),
    (r"/v2/chat", "cohere_chat"),
    (r".*/completions", "openai_completions"),
)
MARKS = {
    "openai_chat": b"[DONE]",
    "openai_completions": b"[DONE]",
    "openai_responses": b'"type":"response.completed"',
    "anthropic_messages": b"message_stop",
    "gemini_generate": b"finishReason",
    "bedrock_converse": b"messageStop",
    "cohere_chat": b"message-end",
}
"""What the frame that ends a stream holds, without spaces."""


@dataclass
class Call:
    """What the provider was asked."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    dialect: str
    model: str
    stream: bool

    @property
    def content(self) -> Any:
        """The body, as JSON."""
        return json.loads(self.body)


Play = Callable[["Talk", Call, Path], Awaitable[None]]
"""Answers one call; the path is the folder of the goldens of its dialect."""


class ScriptedProvider:
    """Runs on a loop as any other server of the tests."""

    def __init__(self, key: str | None = KEY, goldens: Path = GOLDEN) -> None:
        self.key = key
        self.calls: list[Call] = []
        self._goldens = goldens
        self._plays: dict[str, list[Play]] = {}
        self.upstream = Upstream(self._script)

    @property
    def url(self) -> str:
        """Its URL, without a path."""
        return self.upstream.url

    async def start(self) -> None:
        """Listen."""
        await self.upstream.start()

    async def stop(self) -> None:
        """End all connections."""
        await self.upstream.stop()

    def play(self, model: str, *plays: Play) -> None:
        """Answer calls of a model with `plays` in turn, the last one for ever."""
        self._plays[model] = list(plays)

    def of(self, model: str) -> list[Call]:
        """Return the calls of one model."""
        return [call for call in self.calls if call.model == model]

    async def _script(self, talk: Talk) -> None:
        while True:
            call = read_call(await talk.request())
            self.calls.append(call)
            folder = self._goldens / call.dialect
            if not shows_key(call, self.key):
                await error("authentication")(talk, call, folder)
            elif not call.dialect:
                asked = {"method": call.method, "path": call.path, "query": call.query}
                await answer(200, json.dumps(asked).encode())(talk, call, folder)
            else:
                await self._play_of(call.model)(talk, call, folder)

    def _play_of(self, model: str) -> Play:
        plays = self._plays.get(model)
        if plays:
            return plays.pop(0) if len(plays) > 1 else plays[0]
        sort, _, name = model.partition("-")
        name = name.replace("-", "_")
        if sort == "scenario":
            return golden(name)
        if sort == "fault" and name in FAULTS:
            return FAULTS[name]
        return error(name if sort == "error" else "not_found")


# --- plays ---------------------------------------------------------------------------------------


def answer(status: int, body: bytes, headers: dict[str, str] | None = None) -> Play:
    """Answer with these bytes."""

    async def play(talk: Talk, _: Call, __: Path) -> None:
        said = {"Content-Type": "application/json", **(headers or {})}
        await talk.send(response(status, said, body, "Whatever"))

    return play


def error(kind: str, headers: dict[str, str] | None = None) -> Play:
    """Answer as the dialect's vendor does where this goes wrong, with further `headers`."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        path = folder / "errors" / f"{kind}.json"
        if not path.exists():  # of a dialect without goldens of its own
            path = folder.parent / "openai_chat" / "errors" / f"{kind}.json"
        told = json.loads(path.read_bytes())
        said = {**told.get("headers", {}), **(headers or {})}
        await answer(told["status"], json.dumps(told["body"]).encode(), said)(talk, call, folder)

    return play


def golden(scenario: str) -> Play:
    """Answer as the vendor does in a scenario."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        if call.stream:
            await begin(talk, call)
            await send(talk, stream_of(folder, scenario))
            await talk.send(b"0\r\n\r\n")
        else:
            await answer(200, whole_of(folder, scenario))(talk, call, folder)

    return play


def streamed_error(kind: str, after: int = 2, scenario: str = "text") -> Play:
    """Begin a stream, and say in it that this went wrong: errors/<kind>.stream."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        first = frames(stream_of(folder, scenario), call.dialect)[:after]
        await begin(talk, call)
        await send(talk, b"".join(first) + (folder / "errors" / f"{kind}.stream").read_bytes())
        await talk.send(b"0\r\n\r\n")

    return play


def reset() -> Play:
    """End the connection with RST in place of an answer."""

    async def play(talk: Talk, _: Call, __: Path) -> None:
        talk.reset()
        raise ConnectionResetError

    return play


def silence() -> Play:
    """Never answer."""

    async def play(talk: Talk, _: Call, __: Path) -> None:
        await talk.stall()

    return play


def slow(gate: asyncio.Event | float, pings: int = 0, scenario: str = "text") -> Play:
    """Send the head, and the first token only once `gate` is set (or after that many seconds)."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        if call.stream:
            await begin(talk, call)
            for _ in range(pings if call.dialect != "bedrock_converse" else 0):
                await send(talk, b": ping\n\n")
        await (asyncio.sleep(gate) if isinstance(gate, float | int) else gate.wait())
        if call.stream:
            await send(talk, stream_of(folder, scenario))
            await talk.send(b"0\r\n\r\n")
        else:
            await answer(200, whole_of(folder, scenario))(talk, call, folder)

    return play


def cut(after: int | None = None, scenario: str = "text") -> Play:
    """Send that many frames of a stream, else half (and of a whole answer), then close."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        await _part(talk, call, folder, scenario, after)
        await talk.close()
        raise ConnectionResetError

    return play


def stall(after: int | None = None, scenario: str = "text") -> Play:
    """Send that many frames of a stream, else half (and of a whole answer), then nothing."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        await _part(talk, call, folder, scenario, after)
        await talk.stall()

    return play


def malformed(after: int | None = None, scenario: str = "text") -> Play:
    """Send that many frames, else half, one that is none, the rest; or what is no JSON."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        if not call.stream:
            await answer(200, whole_of(folder, scenario)[:-7])(talk, call, folder)
            return
        sent = frames(stream_of(folder, scenario), call.dialect)
        at = len(sent) // 2 if after is None else min(after, len(sent) - 1)
        wrong = b'data: {"broken\n\n'
        if call.dialect == "bedrock_converse":
            wrong = sent[at][:-1] + bytes([sent[at][-1] ^ 1])
        await begin(talk, call)
        await send(talk, b"".join([*sent[:at], wrong, *sent[at:]]))
        await talk.send(b"0\r\n\r\n")

    return play


def unmarked(scenario: str = "text") -> Play:
    """End a stream cleanly, but without the frame that says so; or an answer in mid-JSON."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        if not call.stream:
            await answer(200, whole_of(folder, scenario).rstrip()[:-1])(talk, call, folder)
            return
        mark = MARKS[call.dialect]
        sent = []
        for frame in frames(stream_of(folder, scenario), call.dialect):
            if mark in frame.replace(b" ", b""):
                break
            sent.append(frame)
        await begin(talk, call)
        await send(talk, b"".join(sent))
        await talk.send(b"0\r\n\r\n")

    return play


FAULTS: dict[str, Play] = {
    "reset": reset(),
    "silence": silence(),
    "cut": cut(),
    "cut_at_once": cut(0),
    "stall": stall(),
    "malformed": malformed(),
    "malformed_at_once": malformed(0),
    "unmarked": unmarked(),
}
"""Played for `fault-<name>`, `_` as `-`."""


# --- bytes ---------------------------------------------------------------------------------------


def read_call(received: Received) -> Call:
    """Return what was asked: dialect by path, model and stream by path or body."""
    target = received.target.decode("ascii")
    path, _, query = target.partition("?")
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in received.headers}
    call = Call(received.method.decode(), path, query, headers, received.body, "", "", False)
    if call.method != "POST":
        return call
    for pattern, dialect in PATHS:
        match = re.fullmatch(pattern, path)
        if match is not None:
            said = match.groupdict()
            content = call.content
            call.dialect = dialect
            call.model = unquote(said.get("model") or content.get("model") or "")
            call.stream = said.get("stream") is not None or content.get("stream") is True
            break
    return call


def shows_key(call: Call, key: str | None) -> bool:
    """Whether the gateway's key is where the dialect's SDK has it, and nowhere else."""
    if key is None:
        return True
    shown = call.headers.get("authorization", "")
    if call.dialect == "bedrock_converse" and shown.startswith("AWS4-HMAC-SHA256 Credential="):
        return "x-amz-date" in call.headers and "Signature=" in shown
    alone = [call.headers.get(name) for name in ("x-api-key", "api-key", "x-goog-api-key")]
    return [each for each in (shown, *alone) if each] in ([f"Bearer {key}"], [key])


def whole_of(folder: Path, scenario: str) -> bytes:
    """Return a whole answer."""
    return (folder / f"{scenario}.response.json").read_bytes()


def stream_of(folder: Path, scenario: str) -> bytes:
    """Return the bytes of a stream."""
    return (folder / f"{scenario}.stream").read_bytes()


def frames(stream: bytes, dialect: str) -> list[bytes]:
    """Cut a stream into its frames: by blank lines, or by the length before each."""
    if dialect != "bedrock_converse":
        return re.findall(rb".*?(?:\r\n\r\n|\n\n|\Z)", stream, re.DOTALL)[:-1]
    found, at = [], 0
    while at < len(stream):
        length = int.from_bytes(stream[at : at + 4])
        found.append(stream[at : at + length])
        at += length
    return found


async def begin(talk: Talk, call: Call) -> None:
    """Send the head of a stream."""
    sort = EVENT_STREAM if call.dialect == "bedrock_converse" else SSE
    await talk.send(
        f"HTTP/1.1 200 OK\r\nContent-Type: {sort}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )


async def send(talk: Talk, stream: bytes, pieces: Sequence[int] = ()) -> None:
    """Send a part of a stream in pieces that end anywhere."""
    size = pieces[0] if pieces else PIECE
    for at in range(0, len(stream), size):
        piece = stream[at : at + size]
        await talk.send(b"%x\r\n%b\r\n" % (len(piece), piece))


async def _part(talk: Talk, call: Call, folder: Path, scenario: str, after: int | None) -> None:
    if call.stream:
        await begin(talk, call)
        whole = frames(stream_of(folder, scenario), call.dialect)
        most = len(whole) // 2 if after is None else min(after, len(whole) - 1)
        await send(talk, b"".join(whole[:most]))
        return
    body = whole_of(folder, scenario)
    sent = response(200, {"Content-Type": "application/json"}, body)
    await talk.send(sent[: len(sent) - len(body) // 2])
