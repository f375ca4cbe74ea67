"""Perplexity: where it is, and what it wants otherwise."""

from __future__ import annotations

from sluicegate.llm.providers import find
from support.links import fitted, places, settings


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("perplexity") == {
        "openai_chat": "https://api.perplexity.ai/chat/completions",
    }


def test_the_bound_on_tokens_has_its_older_name_and_developers_speak_as_the_system() -> None:
    body = {"max_completion_tokens": 5, "messages": [{"role": "developer", "content": "x"}]}
    assert fitted("perplexity", body) == {
        "max_tokens": 5,
        "messages": [{"role": "system", "content": "x"}],
    }


def test_it_says_what_a_stream_used_unasked() -> None:
    assert not find("perplexity").asks_usage("openai_chat", settings("perplexity"))
