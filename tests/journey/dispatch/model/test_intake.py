"""A provider's stream, from bytes to what the caller gets of it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sluicegate.journey.dispatch.model.intake import MOST_PINGS, Intake
from sluicegate.journey.dispatch.model.passage import PassThrough
from sluicegate.llm.call import ModelCall
from sluicegate.llm.canonical import Ended, Event, Failed
from sluicegate.llm.dialects import find
from sluicegate.llm.endpoint import Endpoint
from sluicegate.llm.failure import Malformed
from support.llm_goldens import golden

STREAM = golden("openai_chat", "text.stream")
FAILED = b'data: {"error": {"message": "no", "type": "server_error"}}\n\n'


class Taken:
    """Notes events; nothing after a failure counts."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def take(self, events: Sequence[Event]) -> bool:
        self.events += events
        return not any(isinstance(event, Failed) for event in events)


def intake(most: int = 10_000) -> Intake:
    call = ModelCall(Endpoint("call", "openai_chat"), "m")
    return Intake(PassThrough(call, find("openai_chat"), "m", None), most)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_all_bytes_of_a_stream_pass_and_all_its_events_are_seen(size: int) -> None:
    made, taken = intake(), Taken()
    passed = b""
    for at in range(0, len(STREAM), size):
        made.feed(STREAM[at : at + size], taken.take, held=False)
        passed += made.taken()
    made.end(taken.take)
    assert passed + made.taken() == STREAM
    assert isinstance(taken.events[-1], Ended)


def test_what_stands_behind_the_end_is_not_of_the_stream() -> None:
    made, taken = intake(), Taken()
    made.feed(STREAM + b'data: {"x": 1}\n\n', taken.take, held=False)
    assert made.taken() == STREAM


def test_neither_a_failure_nor_what_stands_behind_it_passes() -> None:
    made, taken = intake(), Taken()
    first = STREAM[: STREAM.index(b"\n\n") + 2]
    made.feed(first + FAILED + first, taken.take, held=False)
    assert made.taken() == first


def test_an_event_is_not_larger_than_allowed() -> None:
    with pytest.raises(Malformed, match="too large"):
        intake(100).feed(b"data: " + b"x" * 100, Taken().take, held=False)


def test_nothing_is_held_without_bound() -> None:
    made = intake(1000)
    with pytest.raises(Malformed, match="says nothing"):
        made.feed(b": ping\n\n" * 200, Taken().take, held=True)
    intake(1000).feed(b": ping\n\n" * 200, Taken().take, held=False)


def test_a_flood_of_pings_is_no_stream() -> None:
    made = intake()
    made.feed(b": ping\n\n" * MOST_PINGS, Taken().take, held=False)
    with pytest.raises(Malformed, match="flood"):
        made.feed(b": ping\n\n" * (MOST_PINGS + 1), Taken().take, held=False)


def test_a_stream_that_ends_too_early_is_malformed() -> None:
    made, taken = intake(), Taken()
    made.feed(STREAM[: len(STREAM) // 2], taken.take, held=False)
    with pytest.raises(Malformed):
        made.end(taken.take)
