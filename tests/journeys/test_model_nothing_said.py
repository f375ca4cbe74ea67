"""A stream that goes on and on before its first token is given up, not kept."""

from __future__ import annotations

from pathlib import Path

from support.loops import run
from support.model_calls import ASKED, KEY, deployments, model_world
from support.scripted_provider import Call, begin, send
from support.upstreams import Talk

ROLE = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"role":"assistant"},"finish_reason":null}]}\n\n'
)


def test_what_says_nothing_is_bounded_as_an_answer_is(tmp_path: Path) -> None:
    sent = 0

    async def endless(talk: Talk, call: Call, _: Path) -> None:
        nonlocal sent
        await begin(talk, call)
        while sent < 100 * len(ROLE) * 1000:
            await send(talk, ROLE * 1000, (len(ROLE) * 1000,))
            sent += len(ROLE) * 1000

    async def work() -> None:
        async with model_world(tmp_path, {"m": deployments("chat", attempts=1)}) as world:
            document = world.plane.file.read_text().replace(
                f'"key": "{KEY}"', f'"key": "{KEY}", "max_answer": "1MiB"'
            )
            assert "max_answer" in document
            await world.plane.apply(document)
            world.provider.play("m", endless)
            body = {"model": "m", "messages": ASKED, "stream": True}
            said = await world.ask("POST", "/v1/chat/completions", body)
            assert said.status == 502
            assert sent < 50 * len(ROLE) * 1000

    run(work())
