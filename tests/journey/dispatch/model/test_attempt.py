"""One call of one deployment: what counts as an answer, and what is given back."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from support.llm_goldens import FOX
from support.loops import run
from support.model_calls import data_of, deployments, model_world, said
from support.raw_http import Answer
from support.scripted_provider import (
    GOLDEN,
    Call,
    answer,
    begin,
    cut,
    error,
    frames,
    golden,
    malformed,
    send,
    stream_of,
    streamed_error,
    unmarked,
)
from support.stream_comments import provided
from support.upstreams import Talk, response

FOLDER = GOLDEN / "openai_chat"
ASKED_USAGE = {"include_usage": True}


def error_of(got: Answer) -> dict[str, str]:
    said: dict[str, str] = json.loads(got.body)["error"]
    return said


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_in_the_callers_dialect_arrives_byte_for_byte(
    tmp_path: Path, *, stream: bool
) -> None:
    async def work() -> None:
        async with model_world(tmp_path) as world:
            usage = {"stream_options": ASKED_USAGE} if stream else {}
            got = await world.chat("scenario-text", stream=stream, **usage)
            name = "text.stream" if stream else "text.response.json"
            assert got.status == 200
            assert got.whole
            body = provided(got.body) if stream else got.body
            assert body == (FOLDER / name).read_bytes()
            assert world.in_flight == 0

    run(work())


def test_the_words_before_an_error_reach_the_caller_even_in_one_packet(tmp_path: Path) -> None:
    async def play(talk: Talk, call: Call, folder: Path) -> None:
        whole = frames(stream_of(folder, "text"), call.dialect)
        await gate.wait()
        await begin(talk, call)
        await send(talk, b"".join(whole[:2]), [1 << 20])
        await held.wait()
        failed = (folder / "errors" / "server_error.stream").read_bytes()
        await send(talk, b"".join(whole[2:-3]) + failed, [1 << 20])
        await talk.send(b"0\r\n\r\n")

    gate, held = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        async with model_world(tmp_path) as world:
            world.provider.play("m", play)
            asking = asyncio.ensure_future(world.chat("m", stream=True, stream_options=ASKED_USAGE))
            await world.first_token(gate)
            held.set()
            got = await asking
            whole = frames(stream_of(FOLDER, "text"), "openai_chat")
            assert got.body.startswith(b"".join(whole[:-3]))
            assert "[DONE]" not in data_of(got)
            assert "error" in json.loads(data_of(got)[-1])

    run(work())


@pytest.mark.parametrize("how", ["reset", "silence"])
def test_how_a_connection_ends_behind_the_end_mark_is_no_matter(tmp_path: Path, how: str) -> None:
    async def play(talk: Talk, call: Call, folder: Path) -> None:
        await gate.wait()
        await begin(talk, call)
        await send(talk, stream_of(folder, "text"), [1 << 20])
        if how == "silence":
            await talk.gone()
        else:
            await gone.wait()
            talk.reset()
        raise ConnectionResetError

    gate, gone = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        async with model_world(tmp_path) as world:
            world.provider.play("m", play)
            asking = asyncio.ensure_future(world.chat("m", stream=True, stream_options=ASKED_USAGE))
            await world.first_token(gate)
            gone.set()
            got = await (world.later(asking, 120, 5) if how == "silence" else asking)
            assert got.whole
            assert provided(got.body) == stream_of(FOLDER, "text")
            assert world.in_flight == 0
            assert world.plane.logs[-1]["failure"] is None

    run(work())


@pytest.mark.parametrize(
    ("play", "status"),
    [
        (answer(200, b"{}", {"Content-Encoding": "gzip"}), 502),
        (answer(200, b'{"choices": 7}'), 502),
        (answer(200, b"<html>"), 502),
        (unmarked(), 502),
        (malformed(), 502),
        (cut(), 502),
        (error("server_error"), 500),
        (error("authentication"), 502),
    ],
)
def test_what_is_no_answer_is_an_honest_error(tmp_path: Path, play: object, status: int) -> None:
    async def work() -> None:
        async with model_world(tmp_path, {"m": deployments("chat", attempts=1)}) as world:
            world.provider.play("m", play)  # type: ignore[arg-type]  # a play
            got = await world.chat("m")
            assert got.status == status
            assert error_of(got)["message"]
            assert world.in_flight == 0

    run(work())


def test_a_stream_that_is_none_is_an_honest_error(tmp_path: Path) -> None:
    async def work() -> None:
        async with model_world(tmp_path, {"m": deployments("chat", attempts=1)}) as world:
            world.provider.play("m", answer(200, b"{}"))
            got = await world.chat("m", stream=True)
            assert got.status == 502
            assert "stream" in error_of(got)["message"]

    run(work())


def test_an_error_in_the_callers_dialect_is_the_providers_own(tmp_path: Path) -> None:
    async def work() -> None:
        models = {"m": deployments("chat"), "a": deployments("anthropic")}
        async with model_world(tmp_path, models) as world:
            own = b'{"error":{"message":"no","type":"invalid_request_error","odd":[1]}}'
            world.provider.play("m", answer(400, own))
            assert (await world.chat("m")).body == own
            theirs = b'{"type":"error","error":{"type":"invalid_request_error","message":"no"}}'
            world.provider.play("a", answer(400, theirs))
            translated = await world.chat("a", max_tokens=5)
            assert translated.status == 400
            assert error_of(translated)["type"] == "invalid_request_error"
            assert "type" not in json.loads(translated.body)

    run(work())


def test_our_key_is_taken_out_of_a_providers_error(tmp_path: Path) -> None:
    from support.scripted_provider import KEY  # noqa: PLC0415 - here alone

    async def work() -> None:
        async with model_world(tmp_path) as world:
            world.provider.play("m", answer(400, b'{"error":{"message":"%b"}}' % KEY.encode()))
            got = await world.chat("m")
            assert got.status == 400
            assert KEY.encode() not in got.body

    run(work())


def test_an_error_without_end_is_cut_off_and_its_connection_closed(tmp_path: Path) -> None:
    async def play(talk: Talk, _: Call, __: Path) -> None:
        head = response(500, {"Content-Type": "text/html"}, b"", "No")
        await talk.send(head.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
        while True:
            await talk.send(b"1000\r\n%b\r\n" % (b"x" * 4096))
            await asyncio.sleep(0)

    async def work() -> None:
        async with model_world(tmp_path, {"m": deployments("chat", attempts=1)}) as world:
            world.provider.play("m", play)
            assert (await world.chat("m")).status == 500
            await world.until(lambda: world.provider.upstream.open == 0)

    run(work())


def test_a_kept_connection_that_was_dead_says_nothing_of_the_provider(tmp_path: Path) -> None:
    async def once(talk: Talk, call: Call, folder: Path) -> None:
        await golden("text")(talk, call, folder)
        await talk.request()  # the next call comes on this connection
        raise ConnectionResetError

    async def work() -> None:
        async with model_world(tmp_path, {"m": deployments("chat", attempts=1)}) as world:
            world.provider.play("m", once, golden("text"))
            assert (await world.chat("m")).status == 200
            second = await world.chat("m")
            assert second.status == 200
            assert second.get("sluicegate-attempts") == "1"
            assert world.provider.upstream.connections == 2

    run(work())


def test_a_caller_who_goes_away_closes_the_providers_connection(tmp_path: Path) -> None:
    async def until_gone(talk: Talk, _: Call, __: Path) -> None:
        await talk.gone()
        raise ConnectionResetError

    async def work() -> None:
        async with model_world(tmp_path) as world:
            world.provider.play("m", until_gone)
            task = asyncio.create_task(_gone(world.plane.port, "m"))
            await world.until(lambda: world.provider.calls)
            assert world.in_flight == 1
            task.cancel()
            await world.until(lambda: world.provider.upstream.open == 0)
            await world.until(lambda: world.in_flight == 0)

    run(work())


async def _gone(port: int, model: str) -> None:
    from support.model_calls import ASKED, request  # noqa: PLC0415 - here alone

    _, writer = await asyncio.open_connection("127.0.0.1", port)
    body = {"model": model, "messages": ASKED}
    writer.write(request("POST", "/v1/chat/completions", body))
    try:
        await asyncio.Event().wait()
    finally:
        writer.transport.abort()


def test_a_first_token_and_then_a_stall_are_waited_for_so_long(tmp_path: Path) -> None:
    async def work() -> None:
        models = {"*": deployments("chat", model="*", attempts=1)}
        async with model_world(tmp_path, models) as world:
            late = await world.later(world.chat("fault-silence", stream=True), 300, 10)
            assert late.status == 504
            world.provider.calls.clear()
            stalled = await world.later(world.chat("fault-stall", stream=True), 300, 10)
            assert stalled.status == 200
            assert "[DONE]" not in data_of(stalled)
            assert "error" in json.loads(data_of(stalled)[-1])
            assert world.in_flight == 0

    run(work())


def test_an_error_event_in_mid_stream_is_the_callers_end(tmp_path: Path) -> None:
    async def work() -> None:
        async with model_world(tmp_path) as world:
            world.provider.play("m", streamed_error("server_error", after=0))
            got = await world.chat("m", stream=True)
            assert got.status == 200
            assert said(got)
            assert FOX.startswith(said(got))
            assert "error" in json.loads(data_of(got)[-1])

    run(work())
