"""What providers say of failures holds no key of ours, however written; lies are not counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.loops import run
from support.model_calls import ASKED, KEY, deployments, model_world
from support.scripted_provider import Call, answer, begin, send
from support.upstreams import Talk

ESCAPED = f"\\u{ord(KEY[0]):04x}{KEY[1:]}"
ERROR = {"message": "no", "type": KEY, "param": KEY, "code": KEY}
WHOLE = {
    "id": "c", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."},
                 "finish_reason": "stop"}],
}  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_key_is_taken_out_of_every_text_of_an_error(
    tmp_path: Path, path: str, *, stream: bool
) -> None:
    async def late(talk: Talk, call: Call, _: Path) -> None:
        await begin(talk, call)
        await send(talk, b"data: " + json.dumps({"error": ERROR}).encode() + b"\n\n")

    async def work() -> None:
        async with model_world(tmp_path, {"m": deployments("chat", attempts=1)}) as world:
            escaped = answer(400, b'{"error":{"message":"%b"}}' % ESCAPED.encode())
            world.provider.play("m", escaped, late)
            body = {"model": "m", "messages": ASKED, "stream": stream, "max_tokens": 9}
            for _ in range(2 if stream else 1):
                said = await world.ask("POST", path, body)
                assert said.status >= 400
                assert KEY.encode() not in said.body
                assert ESCAPED.encode() not in said.body

    run(work())


@pytest.mark.parametrize("tokens", [-1000, 10**24])
def test_a_count_that_cannot_be_is_not_counted(tmp_path: Path, tokens: int) -> None:
    async def work() -> None:
        async with model_world(tmp_path, {"m": deployments("chat")}) as world:
            usage = {"prompt_tokens": tokens, "completion_tokens": 2, "total_tokens": 5}
            world.provider.play("m", answer(200, json.dumps(WHOLE | {"usage": usage}).encode()))
            assert (await world.chat("m")).status == 200
            assert world.plane.counted("sluicegate_model_tokens_total", "input") == 0
            assert world.plane.counted("sluicegate_model_tokens_total", "output") == 2

    run(work())
