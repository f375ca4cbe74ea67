from __future__ import annotations

import pytest

from sluicegate.llm.canonical import Stop
from sluicegate.llm.dialects.anthropic_messages.stop import READ, fields_of, stop_of, unsaid


@pytest.mark.parametrize("reason", sorted(READ))
def test_every_reason_comes_back_as_it_was(reason: str) -> None:
    sequence = "END" if reason == "stop_sequence" else None
    stop = stop_of(reason, sequence, None)
    assert fields_of(stop)["stop_reason"] == reason
    assert fields_of(stop)["stop_sequence"] == sequence
    assert unsaid(stop) == ""


def test_a_refusal_keeps_its_category_and_explanation() -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "It could do harm: so no."}
    stop = stop_of("refusal", None, details)
    assert stop == Stop(reason="refusal", detail="bio: It could do harm: so no.")
    assert fields_of(stop)["stop_details"] == details


def test_a_filter_of_another_vendor_is_a_refusal_with_its_word() -> None:
    stop = Stop(reason="content_filter", detail="SAFETY")
    assert fields_of(stop) == {
        "stop_reason": "refusal",
        "stop_sequence": None,
        "stop_details": {"type": "refusal", "category": None, "explanation": "SAFETY"},
    }
    assert unsaid(stop) == ""


def test_a_reason_that_is_not_known_is_an_end_that_says_it() -> None:
    stop = stop_of("compaction", None, None)
    assert stop == Stop(reason="end", detail="compaction")
    assert unsaid(stop) == "compaction"
