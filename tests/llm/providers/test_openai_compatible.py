"""Any server that speaks as OpenAI does: where it is, and what it wants otherwise."""

from __future__ import annotations

from support.links import places


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("openai_compatible") == {
        "openai_chat": "https://llm.example.com/v1/chat/completions",
        "openai_completions": "https://llm.example.com/v1/completions",
        "openai_embeddings": "https://llm.example.com/v1/embeddings",
    }


def test_further_dialects_are_spoken_only_where_they_are_asked_for() -> None:
    asked = ["openai_chat", "openai_responses", "anthropic_messages"]
    assert list(places("openai_compatible", dialects=asked)) == asked
