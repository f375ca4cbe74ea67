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
    streamed_error,
    unmarked,
)
from support.upstreams import Talk

WORD = json.dumps({"error": {"message": "it went wrong"}}).encode()
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
        "too large": Fault(oversized(0), 502),
        "too large, later": Fault(oversized(3), 502, begun=True, only="stream"),
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
        "error in the stream": Fault(streamed_error("server_error"), 500, begun=True),
        "error at once": Fault(_only_error("server_error"), 500),
    }


def typed(media: str) -> Play:
    """Answer 200 with a page where an answer is expected."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        await answer(200, b"<html></html>", {"Content-Type": media})(talk, call, folder)

    return play


def coded(coding: str) -> Play:
    """Answer with a coding that nobody has asked for."""
    return answer(200, b"\x1f\x8b\x08\x00", {"Content-Encoding": coding})


def oversized(after: int) -> Play:
    """Send a frame that never ends, behind so many good ones; or a whole answer too large."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        if not call.stream:
            await answer(200, b'{"text":"' + b"x" * OVERSIZED + b'"}')(talk, call, folder)
            return
        good = frames(stream_of(folder, "text"), call.dialect)[:after]
        much = b"data: " + b"x" * OVERSIZED
        if call.dialect == "bedrock_converse":
            much = (8 * OVERSIZED).to_bytes(4) + bytes(4) + b"x" * OVERSIZED
        await begin(talk, call)
        await send(talk, b"".join(good))
        await send(talk, much, (8192,))
        await talk.stall()

    return play


def _only_error(kind: str) -> Play:
    """Send the last frame of errors/<kind>.stream alone, behind the frame that begins a stream."""

    async def play(talk: Talk, call: Call, folder: Path) -> None:
        told = frames((folder / "errors" / f"{kind}.stream").read_bytes(), call.dialect)
        await begin(talk, call)
        await send(talk, told[0] + told[-1])
        await talk.send(b"0\r\n\r\n")

    return play
