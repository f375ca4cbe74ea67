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
