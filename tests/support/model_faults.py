"""What providers do wrong: by name, what is played, and how a caller is told where nobody helps."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

from support.scripted_provider import (
    Call,
    Play,
    answer,
    begin,
    cut,
    error,
    frames,
    malformed,
    reset,
    send,
    silence,
    slow,
    stall,
    stream_of,
    unmarked,
)
from support.upstreams import Talk

WORD = json.dumps({"error": {"message": "it went wrong"}}).encode()
BEFORE_WORDS = {"gemini_generate": 0, "anthropic_messages": 3, "openai_responses": 4}
"""Frames of a stream that say nothing yet, but that there will be something."""
OVERSIZED = 100_000
"""Bytes; the providers of these tests allow `MAX_ANSWER`."""
MAX_ANSWER = "64KB"


@dataclass(frozen=True)
class Fault:
    """`status` is what a caller of chat gets; where a stream has begun, it ends with an error."""

    play: Play
    status: int
    begun: bool = False
    """A stream has begun when it happens; whole answers fail with `status` all the same."""
    only: str = ""
    """`stream` or `whole`: of no meaning otherwise."""
    once: bool = False
    """It is not asked a second time."""


def faults() -> dict[str, Fault]:
    """Return all of them. Needs no loop."""
    return {
        "429 with Retry-After": Fault(answer(429, WORD, {"Retry-After": "20"}), 429, once=True),
        "429 without": Fault(answer(429, WORD), 429),
        "500": Fault(answer(500, WORD), 500),
        "503": Fault(answer(503, WORD), 503),
        "529": Fault(answer(529, WORD), 503),
        "302": Fault(answer(302, b"", {"Location": "http://127.0.0.1/"}), 502),
        "reset": Fault(reset(), 503),
        "silence": Fault(silence(), 504),
        "slow first token": Fault(slow(asyncio.Event(), pings=2), 504),
        "credentials refused": Fault(error("authentication"), 502, once=True),
        "no such model": Fault(error("not_found"), 404, once=True),
        "quota": Fault(error("quota"), 429, once=True),
        "wrong content type": Fault(typed("text/html"), 502),
        "compressed": Fault(coded("gzip"), 502),
        "no JSON": Fault(answer(200, b"<html>Bad gateway</html>"), 502),
        "empty": Fault(answer(200, b""), 502),
        "too large": Fault(oversized(begun=False), 502),
        "too large, later": Fault(oversized(begun=True), 502, begun=True, only="stream"),
        "cut": Fault(cut(), 502, begun=True),
        "cut at once": Fault(cut(0), 502),
        "stall": Fault(stall(), 504, begun=True),
        "stall at once": Fault(stall(0), 504),
        "malformed": Fault(malformed(), 502, begun=True),
        "malformed at once": Fault(malformed(0), 502),
        "no end marker": Fault(unmarked(), 502, begun=True),
    }


def told_in_stream() -> dict[str, Fault]:
    """Return errors that a stream tells, of dialects that have such goldens."""
    return {
        "error in the stream": Fault(_error(begun=True), 500, begun=True),
        "error at once": Fault(_error(begun=False), 500),
    }


def typed(media: str) -> Play:
    """Answer 200 with a page where an answer is expected."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        await answer(200, b"<html></html>", {"Content-Type": media})(talk, call, folder)

    return play


def coded(coding: str) -> Play:
    """Answer with a coding that nobody has asked for."""
    return answer(200, b"\x1f\x8b\x08\x00", {"Content-Encoding": coding})


def oversized(*, begun: bool) -> Play:
    """Send a frame that never ends, first or in the middle; or a whole answer too large."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        if not call.stream:
            await answer(200, b'{"text":"' + b"x" * OVERSIZED + b'"}')(talk, call, folder)
            return
        good = frames(stream_of(folder, "text"), call.dialect)
        much = b"data: " + b"x" * OVERSIZED
        if call.dialect == "bedrock_converse":
            much = (8 * OVERSIZED).to_bytes(4) + bytes(4) + b"x" * OVERSIZED
        await begin(talk, call)
        await send(talk, b"".join(good[: len(good) // 2 if begun else 0]))
        await send(talk, much, (8192,))
        await talk.stall()

    return play


def _error(*, begun: bool) -> Play:
    """Send the frame that tells an error, behind half of a stream or behind what begins one."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        good = frames(stream_of(folder, "text"), call.dialect)
        told = frames((folder / "errors" / "server_error.stream").read_bytes(), call.dialect)
        first = good[: BEFORE_WORDS.get(call.dialect, 1)]
        await begin(talk, call)
        await send(talk, b"".join([*(good[: len(good) // 2] if begun else first), told[-1]]))
        await talk.send(b"0\r\n\r\n")

    return play


def hanging(gone: list[str], *, begun: bool) -> Play:
    """Send half of what is asked for, or nothing; note in `gone` when the gateway has left."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        gone.append("asked")
        if begun and call.stream:
            await begin(talk, call)
            good = frames(stream_of(folder, "text"), call.dialect)
            await send(talk, b"".join(good[: len(good) // 2]))
        elif begun:
            await talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + b" " * 100)
        await talk.gone()
        gone.append("left")
        raise ConnectionResetError

    return play


def gated(gate: asyncio.Event) -> Play:
    """Send half of a stream, and the rest once `gate` is set."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        stream = stream_of(folder, "text")
        await begin(talk, call)
        await send(talk, stream[: len(stream) // 2])
        await gate.wait()
        await send(talk, stream[len(stream) // 2 :])
        await talk.send(b"0\r\n\r\n")

    return play


def flooding(sent: list[int], times: int, size: int) -> Play:
    """Send `times` frames of `size` characters and the end; `sent` grows by the bytes of each."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        good = frames(stream_of(folder, "text"), call.dialect)
        await begin(talk, call)
        await send(talk, good[0])
        much = good[1].replace(b'"content":"The', b'"content":"' + b"x" * size)
        for _ in range(times):
            sent.append(len(much))
            await send(talk, much, (1 << 20,))
        await send(talk, b"".join(good[-3:]))
        await talk.send(b"0\r\n\r\n")

    return play


def dripping() -> Play:
    """Begin a stream that says something new all the time, and never ends."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        good = frames(stream_of(folder, "text"), call.dialect)
        await begin(talk, call)
        await send(talk, good[0])
        while True:
            await send(talk, good[1])
            await asyncio.sleep(0.002)

    return play


def echoing_key() -> Play:
    """Fail with an error that repeats every header that it was sent, the key among them."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        said = {"message": f"bad request: {call.headers}", "type": "invalid_request_error"}
        body = json.dumps({"type": "error", "error": said}).encode()
        await answer(400, body, {"X-Said": "no"})(talk, call, folder)

    return play


def echoing_key_in_stream() -> Play:
    """Begin a stream, and end it with an error that repeats what was sent."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        good = frames(stream_of(folder, "text"), call.dialect)
        told = json.dumps({"error": {"message": f"bad: {call.headers}", "type": "server_error"}})
        await begin(talk, call)
        await send(talk, b"".join(good[: len(good) // 2]) + b"data: " + told.encode() + b"\n\n")
        await talk.send(b"0\r\n\r\n")

    return play
