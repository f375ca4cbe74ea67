"""A real server's stream, asked for its usage, says what it would have said unasked."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from sluicegate.llm.canonical import Event, Used
from sluicegate.llm.dialects import find
from sluicegate.llm.stream_usage import asking, without_usage
from support.llama import Llama, llama

__all__ = ["llama"]

QUESTIONS = {
    "openai_chat": ("chat/completions", {"messages": [{"role": "user", "content": "Say hello."}]}),
    "openai_completions": ("completions", {"prompt": "Hello"}),
}
OWN = ("id", "created", "timings")
"""What differs from call to call; llama.cpp says `timings` in its last chunk, whichever that is."""


def stream_of(server: Llama, dialect: str, **options: Any) -> bytes:
    path, question = QUESTIONS[dialect]
    body = {"model": server.model, "temperature": 0, "max_tokens": 2, "stream": True}
    answer = httpx.post(f"{server.url}/{path}", json=body | question | options, timeout=30)
    assert answer.status_code == 200
    return answer.content


def chunks(stream: bytes) -> list[Any]:
    lines = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith(b"data: {")]
    for chunk in lines:
        for name in OWN:
            chunk.pop(name, None)
        if chunk.get("usage"):
            chunk["usage"].pop("prompt_tokens_details", None)
    return lines


@pytest.mark.parametrize("dialect", QUESTIONS)
def test_nobody_sees_that_a_stream_was_asked_for_its_usage(llama: Llama, dialect: str) -> None:
    unasked = stream_of(llama, dialect)
    options = asking({})
    assert options is not None
    asked = stream_of(llama, dialect, stream_options=json.loads(options))
    framing, reader = find(dialect).framing(), find(dialect).reader()
    passed, said = b"", list[Event]()
    for frame in framing.feed(asked):
        events = reader.read(frame)
        said += events
        passed += without_usage(frame, events)
    assert chunks(passed) == chunks(unasked)
    used = [event.usage for event in said if isinstance(event, Used)]
    assert used[-1].input > 0
    assert used[-1].output == 2
