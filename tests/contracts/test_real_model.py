"""A real model's answers, by a server that nobody here wrote, are read by our dialect."""

from __future__ import annotations

import json
from typing import Any

import httpx

from sluicegate.llm.canonical import Begun, Delta, Ended, Stopped, Text, Used
from sluicegate.llm.dialects import find
from support.links import link, parsed
from support.llama import Llama, llama

__all__ = ["llama"]

DIALECT = "openai_chat"


def ask(server: Llama, **body: Any) -> bytes:
    """Ask by a head of ours, as the gateway does."""
    content = json.dumps({"model": server.model, "temperature": 0, **body}).encode()
    made = link("openai_compatible", url=server.url, key=None)
    stream = body.get("stream", False)
    _, target, fields = parsed(made.head(DIALECT, server.model, stream=stream, body=content))
    root = server.url.removesuffix("/v1")
    answer = httpx.post(root + target, content=content, headers=dict(fields), timeout=30)
    assert answer.status_code == 200
    return answer.content


QUESTION = [{"role": "user", "content": "Say hello."}]


def test_a_whole_answer_has_words_an_end_and_its_tokens(llama: Llama) -> None:
    body = ask(llama, messages=QUESTION, max_tokens=6)
    answer = find(DIALECT).read_answer(body)
    (choice,) = answer.choices
    (part,) = choice.parts
    assert isinstance(part, Text)
    assert part.text
    assert choice.stop.reason in ("length", "end")
    assert answer.usage is not None
    assert answer.usage.input > 5
    assert 1 <= answer.usage.output <= 6
    assert find(DIALECT).measure(body) == answer.usage


def test_a_stream_has_the_same_words_and_says_that_it_is_whole(llama: Llama) -> None:
    whole = find(DIALECT).read_answer(ask(llama, messages=QUESTION, max_tokens=6))
    data = ask(
        llama,
        messages=QUESTION,
        max_tokens=6,
        stream=True,
        stream_options={"include_usage": True},
    )
    framing, reader = find(DIALECT).framing(), find(DIALECT).reader()
    events = [event for frame in framing.feed(data) for event in reader.read(frame)]
    events += reader.end()
    assert isinstance(events[0], Begun)
    assert isinstance(events[-1], Ended)
    assert any(isinstance(event, Stopped) for event in events)
    text = "".join(event.text for event in events if isinstance(event, Delta))
    part = whole.choices[0].parts[0]
    assert isinstance(part, Text)
    assert text == part.text
    used = [event.usage for event in events if isinstance(event, Used)]
    assert used[-1] == whole.usage or (used[-1].input, used[-1].output) == (
        whole.usage.input if whole.usage else 0,
        whole.usage.output if whole.usage else 0,
    )
