"""Gemini API: where it is, and what it wants otherwise."""

from __future__ import annotations

from sluicegate.llm.providers import find
from support.links import link, parsed, places, shown

HOST = "https://generativelanguage.googleapis.com"


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("gemini") == {
        "gemini_generate": f"{HOST}/v1beta/models/m:generateContent",
        "gemini_count_tokens": f"{HOST}/v1beta/models/m:countTokens",
        "openai_embeddings": f"{HOST}/v1beta/openai/embeddings",
    }


def test_a_stream_is_asked_for_as_events() -> None:
    head = link("gemini").head("gemini_generate", "m", stream=True, body=b"{}")
    assert parsed(head)[1] == "/v1beta/models/m:streamGenerateContent?alt=sse"


def test_the_key_stands_alone_in_a_header_of_googles_and_is_a_token_where_openais_is_spoken() -> (
    None
):
    assert shown("gemini") == ["x-goog-api-key"]
    assert shown("gemini", "openai_embeddings") == ["authorization"]
    assert find("gemini").key_header == b"x-goog-api-key"
