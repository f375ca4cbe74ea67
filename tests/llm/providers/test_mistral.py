"""Mistral: where it is, and what it wants otherwise."""

from __future__ import annotations

from sluicegate.llm.providers import find
from support.links import fitted, places, settings


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("mistral") == {
        "openai_chat": "https://api.mistral.ai/v1/chat/completions",
        "openai_embeddings": "https://api.mistral.ai/v1/embeddings",
    }


def test_what_mistral_calls_otherwise_is_renamed_and_usage_needs_no_asking() -> None:
    body = {
        "model": "m",
        "messages": [{"role": "developer", "content": "developer"}, {"role": "user"}],
        "max_completion_tokens": 5,
        "seed": 7,
        "stream_options": {"include_usage": True},
        "future": {"kept": [1.50]},
    }
    assert fitted("mistral", body) == {
        "model": "m",
        "messages": [{"role": "system", "content": "developer"}, {"role": "user"}],
        "max_tokens": 5,
        "random_seed": 7,
        "future": {"kept": [1.5]},
    }


def test_it_says_what_a_stream_used_unasked() -> None:
    assert not find("mistral").asks_usage("openai_chat", settings("mistral"))
