"""Groq: where it is, and what it wants otherwise."""

from __future__ import annotations

from support.links import fitted, places


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("groq") == {
        "openai_chat": "https://api.groq.com/openai/v1/chat/completions",
        "openai_responses": "https://api.groq.com/openai/v1/responses",
    }


def test_a_body_passes_as_it_is() -> None:
    body = {"max_completion_tokens": 5, "messages": [{"role": "developer"}]}
    assert fitted("groq", body) == body
