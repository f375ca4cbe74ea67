from __future__ import annotations

from google.genai import types
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.canonical import Signature, Thinking
from sluicegate.llm.dialects.gemini_generate.signatures import (
    signature_of,
    thinking_of,
    written,
    written_of,
)


def through_the_sdk(text: str) -> str:
    """Return a signature as the SDK sends it back."""
    part = types.Part.model_validate({"text": "", "thoughtSignature": text})
    return str(part.model_dump(mode="json", exclude_none=True)["thought_signature"])


def test_googles_own_stand_as_they_are() -> None:
    assert written(Signature("gemini", "c2lnbmF0dXJl")) == "c2lnbmF0dXJl"
    assert signature_of("c2lnbmF0dXJl") == Signature("gemini", "c2lnbmF0dXJl")


def test_both_alphabets_of_base64_are_one_signature() -> None:
    assert signature_of("-_8=") == signature_of("+/8") == Signature("gemini", "+/8=")


@given(st.sampled_from(["anthropic", "openai"]), st.text(max_size=40))
def test_those_of_others_survive_the_sdk(family: str, text: str) -> None:
    signature = Signature(family, text)
    assert signature_of(through_the_sdk(written(signature))) == signature


def test_what_belongs_to_foreign_thinking_survives() -> None:
    thinking = Thinking(
        signature=Signature("openai", "gAAA"), id="rs_1", redacted=True, summary=True
    )
    text = written_of(thinking)
    assert text is not None
    assert thinking_of("", through_the_sdk(text)) == thinking


def test_what_only_looks_like_an_envelope_is_googles() -> None:
    assert signature_of("eyJmYW1pbHkiAAAA").family == "gemini"
