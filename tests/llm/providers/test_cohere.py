"""Cohere: where it is, and what it wants otherwise."""

from __future__ import annotations

from sluicegate.llm.providers import find
from support.links import fitted, places, settings


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("cohere") == {
        "cohere_chat": "https://api.cohere.com/v2/chat",
        "openai_embeddings": "https://api.cohere.com/compatibility/v1/embeddings",
    }


def test_chat_as_openais_is_spoken_only_where_it_is_asked_for() -> None:
    assert "openai_chat" in places("cohere", dialects=["openai_chat"])


def test_it_refuses_to_be_asked_what_a_stream_used() -> None:
    assert not find("cohere").asks_usage("openai_chat", settings("cohere"))
    assert fitted("cohere", {"a": 1, "stream_options": {"include_usage": True}}) == {"a": 1}
