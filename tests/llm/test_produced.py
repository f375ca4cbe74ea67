from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.canonical import (
    Begun,
    Delta,
    Ended,
    Opaque,
    PartBegun,
    PartEnded,
    Refusal,
    Stop,
    Stopped,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Used,
)
from sluicegate.llm.dialects import find
from sluicegate.llm.produced import produced
from support.llm_goldens import FOX, events_of, golden

TRANSLATED = ["openai_chat", "openai_responses", "anthropic_messages", "gemini_generate"]


@given(st.lists(st.text()))
def test_the_bytes_of_all_text_are_counted(texts: list[str]) -> None:
    events = [Delta(0, 0, text) for text in texts]
    assert produced(events) == len("".join(texts).encode())


def test_every_dialects_stream_has_produced_what_it_says() -> None:
    for dialect in [*TRANSLATED, "openai_completions"]:
        assert produced(events_of(find(dialect), golden(dialect, "text.stream"))) == len(FOX)


def test_a_call_of_a_tool_counts_with_its_name_and_what_it_holds_already() -> None:
    call = ToolCall(id="call_1", name="weather", arguments='{"a"')
    assert produced([PartBegun(0, 0, call), Delta(0, 0, ":1}")]) == len('weather{"a":1}')


def test_a_part_counts_with_the_text_that_it_begins_with() -> None:
    parts = [Text(text="one"), Thinking(text="two"), Refusal(text="thr"), Text(text="")]
    assert produced([PartBegun(0, at, part) for at, part in enumerate(parts)]) == 9


def test_what_is_no_text_counts_nothing() -> None:
    sound = Opaque(dialect="openai_chat", raw={"audio": {"data": "AAAA"}})
    stop = Stopped(0, Stop(reason="end"))
    events = [
        Begun("i", "m", 1), PartBegun(0, 0, sound), PartEnded(0, 0), stop, Used(Usage()), Ended()
    ]  # fmt: skip
    assert produced(events) == 0
    assert produced(()) == 0


def test_half_a_pair_of_surrogates_counts_as_something() -> None:
    assert produced([Delta(0, 0, "a\ud83d")]) == 4
