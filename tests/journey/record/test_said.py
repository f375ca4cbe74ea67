from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sluicegate.journey.record import said
from sluicegate.journey.record.said import PIECE, Unreadable
from sluicegate.llm.dialects import find


def parts(dialect: str, body: bytes, *, array: bool = False) -> list[dict[str, Any]]:
    steps = said.stream(find(dialect), body, array=array)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def chunk(**delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + msgspec.json.encode({**event, "choices": [choice]}) + b"\n\n"


def test_a_text_that_came_in_many_frames_is_one() -> None:
    frames = [chunk(role="assistant", content="")]
    frames += [chunk(content=piece) for piece in ("ann", "@exam", "ple.org")]
    [found] = parts("openai_chat", b"".join(frames))
    assert found == {"choice": 0, "part": 0, "kind": "text", "text": "ann@example.org"}


def test_the_arguments_of_a_tool_are_put_together_under_its_name() -> None:
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
    more = {"index": 0, "function": {"arguments": '{"a":1}'}}
    body = chunk(role="assistant", tool_calls=[call]) + chunk(tool_calls=[more])
    [found] = parts("openai_chat", body)
    assert (found["kind"], found["name"], found["text"]) == ("tool_call", "f", '{"a":1}')


def test_of_a_stream_that_broke_off_there_is_what_was_said() -> None:
    body = chunk(role="assistant", content="one") + b"data: {broken\n\n" + chunk(content="two")
    assert [each["text"] for each in parts("openai_chat", body)] == ["one"]
    assert parts("openai_chat", b"\xff\xfe") == []


def test_a_long_stream_is_read_in_steps() -> None:
    body = b"".join(chunk(content="word ") for _ in range(500))
    steps = said.stream(find("openai_chat"), body, array=False)
    assert sum(1 for _ in steps) == -(-len(body) // PIECE)


def test_a_stream_may_be_an_array() -> None:
    def element(text: str) -> dict[str, Any]:
        return {
            "candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}]
        }

    body = msgspec.json.encode([element("one "), element("two")])
    [found] = parts("gemini_generate", body, array=True)
    assert found["text"] == "one two"
    assert parts("gemini_generate", body[:-5], array=True) == []


def test_a_whole_answer_is_plain_data() -> None:
    assert said.whole(b'{"a":[1]}') == {"a": [1]}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_said_to_be_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        said.whole(body)
