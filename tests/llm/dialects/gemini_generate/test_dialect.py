from __future__ import annotations

import json

import pytest

from sluicegate.llm import dialects
from sluicegate.llm.dialects.gemini_generate import DIALECT
from support.gemini_sdk import GOLDEN, SCENARIOS, Sdk


@pytest.mark.parametrize("vertex", [False, True])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_golden_request_is_what_the_sdk_sends(scenario: str, *, vertex: bool) -> None:
    sdk = Sdk((GOLDEN / f"{scenario}.response.json").read_bytes(), vertex=vertex)
    sdk.ask(scenario)
    assert sdk.body() == json.loads((GOLDEN / f"{scenario}.request.json").read_bytes())
    assert sdk.sent[0].url.path.endswith(
        f"/models/scenario-{scenario.replace('_', '-')}:generateContent"
    )


def test_the_sdk_streams_with_frames() -> None:
    sdk = Sdk((GOLDEN / "text.stream").read_bytes())
    assert "".join(chunk.text or "" for chunk in sdk.stream()).startswith("The quick brown fox")
    assert sdk.sent[0].url.query == b"alt=sse"


def test_it_is_found_by_its_name() -> None:
    assert dialects.find("gemini_generate") is DIALECT
    assert DIALECT.name == "gemini_generate"


def test_a_stream_without_frames_is_read_by_the_same_reader() -> None:
    frames = DIALECT.framing().feed((GOLDEN / "reasoning.stream").read_bytes())
    array = b"[" + b"\n,\r\n".join(frame.data for frame in frames) + b"\n]"
    reader, other = DIALECT.reader(), DIALECT.reader()
    framing = DIALECT.array_framing()
    said = [event for frame in framing.feed(array) for event in reader.read(frame)]
    assert said == [event for frame in frames for event in other.read(frame)]
    assert framing.rest == 0
