"""Cohere: where it is, and what it wants otherwise."""

from __future__ import annotations

from support.links import places


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("cohere") == {
        "cohere_chat": "https://api.cohere.com/v2/chat",
        "openai_embeddings": "https://api.cohere.com/compatibility/v1/embeddings",
    }


def test_chat_as_openais_is_spoken_only_where_it_is_asked_for() -> None:
    assert "openai_chat" in places("cohere", dialects=["openai_chat"])
