"""Goldens of all dialects, streams put together and taken apart, and what is compared of them.

`SCENARIOS` says what the goldens of tests/golden/llm/<dialect>/<scenario>.* say, in every dialect
alike. `gist` is as much of an answer as every dialect can say.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from sluicegate.llm import dialects
from sluicegate.llm.canonical import (
    Answer,
    Begun,
    Choice,
    Cited,
    Delta,
    Ended,
    Event,
    Logprobs,
    Opaque,
    Part,
    PartBegun,
    PartEnded,
    Signed,
    Stop,
    Stopped,
    Text,
    Thinking,
    ToolCall,
    Used,
)
from sluicegate.llm.dialect import Dialect
from sluicegate.llm.failure import Malformed
from sluicegate.llm.untranslated import Untranslated

GOLDEN = Path(__file__).parents[1] / "golden" / "llm"
FOX = "The quick brown fox jumps over the lazy dog."
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5Erk"
    "Jggg=="
)
SCENARIOS: dict[str, tuple[str, str, list[tuple[str, dict[str, Any]]], str]] = {
    "text": (FOX, "", [], "end"),
    "system": (FOX, "", [], "end"),
    "tools": ("", "", [("get_weather", {"city": "Paris"})], "tool_calls"),
    "parallel_tools": (
        "",
        "",
        [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "London"})],
        "tool_calls",
    ),
    "tool_results": ("It is 18 degrees in Paris.", "", [], "end"),
    "structured": ('{"name":"Ada","age":36}', "", [], "end"),
    "image": ("A red square.", "", [], "end"),
    "reasoning": ("4", "Two and two make four.", [], "end"),
    "stop_sequence": ("Before the end", "", [], "end"),
    "cached": ("Cached.", "", [], "end"),
    "length": ("This is cut", "", [], "length"),
}
"""Text, reasoning, calls, why it stopped (`end` for a stop sequence as well)."""
ERRORS = {
    "invalid_request": "invalid_request",
    "authentication": "authentication",
    "permission": "permission",
    "not_found": "not_found",
    "context_length": "context_length",
    "content_filter": "content_filter",
    "rate_limited": "rate_limited",
    "quota": "quota",
    "overloaded": "overloaded",
    "server_error": "server_error",
}
USAGES = {"text": (12, 9, 0, 0), "tools": (60, 15, 0, 0), "reasoning": (10, 8, 0, 6)} | {
    "cached": (1000, 5, 800, 0)
}
"""Input, output, cached, reasoning."""


# --- dialects and goldens ------------------------------------------------------------------------


def chat_dialects() -> list[str]:
    """Return the dialects that are translated: those with goldens of a chat."""
    return [
        name
        for name in dialects.names()
        if (GOLDEN / name / "text.stream").exists()
        and not isinstance(dialects.find(name), Untranslated)
    ]


def golden(dialect: str, name: str) -> bytes:
    return (GOLDEN / dialect / name).read_bytes()


def goldens(pattern: str) -> list[tuple[str, str]]:
    """Return (dialect, file) of every golden of a dialect that matches."""
    found = sorted(GOLDEN.glob(f"*/{pattern}"))
    return [
        (path.relative_to(GOLDEN).parts[0], "/".join(path.relative_to(GOLDEN).parts[1:]))
        for path in found
        if path.relative_to(GOLDEN).parts[0] in dialects.names()
    ]


def events_of(dialect: Dialect, data: bytes, cuts: Iterable[int] = ()) -> list[Event]:
    """Read a whole stream, in pieces that are cut at `cuts`."""
    framing, reader = dialect.framing(), dialect.reader()
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(data)}), len(data)]
    events: list[Event] = []
    for start, end in pairwise(edges):
        for frame in framing.feed(data[start:end]):
            events += reader.read(frame)
    if framing.rest:
        raise Malformed("a frame has begun and not ended")
    events += reader.end()
    return events


# --- what is compared ----------------------------------------------------------------------------


def bare(value: object, *without: str) -> Any:
    """Return plain data, without paths and names of dialects; JSON of arguments is read."""
    leave = {"at", "dialect", *without}

    def walk(found: Any) -> Any:
        if isinstance(found, list):
            return [walk(one) for one in found]
        if not isinstance(found, dict):
            return found
        walked = {name: walk(inner) for name, inner in found.items() if name not in leave}
        if isinstance(walked.get("arguments"), str) and not walked.get("custom"):
            walked["arguments"] = json.loads(walked["arguments"] or "{}")
        return walked

    kinds = value if isinstance(value, list) else [value]
    return [{"kind": type(one).__name__, **walk(msgspec.to_builtins(one))} for one in kinds]


def gist(parts: Iterable[Part]) -> tuple[str, str, list[tuple[str, Any]]]:
    """Return text, reasoning and calls."""
    parts = list(parts)
    calls = [p for p in parts if isinstance(p, ToolCall)]
    return (
        "".join(p.text for p in parts if isinstance(p, Text)),
        "".join(p.text for p in parts if isinstance(p, Thinking)),
        [(c.name, c.arguments if c.custom else json.loads(c.arguments or "{}")) for c in calls],
    )


def plain_stop(stop: Stop) -> str:
    """Return why it stopped; not all dialects tell a stop sequence from an end."""
    return "end" if stop.reason == "stop_sequence" else stop.reason


def parts_of(events: Iterable[Event], choice: int = 0) -> list[Part]:
    """Put the parts of a choice together again. Asserts that events are in order."""
    parts: dict[int, Any] = {}
    opened: set[int] = set()
    for event in events:
        if getattr(event, "choice", None) != choice:
            continue
        if isinstance(event, PartBegun):
            assert event.part == len(parts), "parts are numbered as they begin"
            parts[event.part] = msgspec.json.decode(
                msgspec.json.encode(event.empty), type=type(event.empty)
            )
            opened.add(event.part)
        elif isinstance(event, Delta):
            assert event.part in opened, "a delta belongs to a part that is open"
            part = parts[event.part]
            field = "arguments" if isinstance(part, ToolCall) else "text"
            setattr(part, field, getattr(part, field) + event.text)
        elif isinstance(event, Signed):
            parts[event.part].signature = event.signature
        elif isinstance(event, Cited):
            part = parts[event.part]
            part.citations = [*(part.citations or []), event.citation]
        elif isinstance(event, PartEnded):
            assert event.part in opened, "a part ends once"
            opened.remove(event.part)
        elif isinstance(event, Stopped):
            assert not opened, "a choice stops when its parts have ended"
    return list(parts.values())


def answer_of(events: list[Event]) -> Answer:
    """Put a stream together. Asserts that it is whole."""
    assert isinstance(events[-1], Ended)
    assert isinstance(events[0], Begun)
    begun = events[0]
    stops = {event.choice: event.stop for event in events if isinstance(event, Stopped)}
    usages = [event.usage for event in events if isinstance(event, Used)]
    choices = [
        Choice(index=index, parts=parts_of(events, index), stop=stop)
        for index, stop in sorted(stops.items())
    ]
    return Answer(
        id=begun.id,
        model=begun.model,
        created=begun.created,
        choices=choices,
        usage=usages[-1] if usages else begun.usage,
    )


def stream_of(answer: Answer) -> list[Event]:
    """Return the events of an answer that comes in pieces of three characters."""
    events: list[Event] = [Begun(answer.id, answer.model, answer.created)]
    for choice in answer.choices:
        for number, part in enumerate(choice.parts):
            events += _events_of_part(choice.index, number, part)
        if choice.logprobs:
            events.append(Logprobs(choice.index, choice.logprobs))
        events.append(Stopped(choice.index, choice.stop))
    if answer.usage is not None:
        events.append(Used(answer.usage))
    return [*events, Ended()]


def _events_of_part(choice: int, number: int, part: Any) -> Iterator[Event]:
    text = ""
    empty = msgspec.structs.replace(part)
    if isinstance(part, ToolCall):
        text, empty.arguments = part.arguments, ""
    elif not isinstance(part, Opaque):
        text, empty.text = part.text, ""
    late = isinstance(part, Text | Thinking) and not getattr(part, "redacted", False)
    if late:
        empty.signature = None
    if isinstance(part, Text):
        empty.citations = None
    yield PartBegun(choice, number, empty)
    for start in range(0, len(text), 3):
        yield Delta(choice, number, text[start : start + 3])
    for citation in part.citations or () if isinstance(part, Text) else ():
        yield Cited(choice, number, citation)
    if late and part.signature is not None:
        yield Signed(choice, number, part.signature)
    yield PartEnded(choice, number)
