"""Fireworks AI: where it is, and what it wants otherwise."""

from __future__ import annotations

from support.links import places, shown


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("fireworks") == {
        "openai_chat": "https://api.fireworks.ai/inference/v1/chat/completions",
        "openai_responses": "https://api.fireworks.ai/inference/v1/responses",
        "anthropic_messages": "https://api.fireworks.ai/inference/v1/messages",
        "openai_completions": "https://api.fireworks.ai/inference/v1/completions",
        "openai_embeddings": "https://api.fireworks.ai/inference/v1/embeddings",
    }


def test_the_key_is_a_bearer_token_for_every_dialect() -> None:
    assert shown("fireworks", "anthropic_messages") == ["authorization"]
