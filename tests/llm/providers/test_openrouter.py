"""OpenRouter: where it is, and what it wants otherwise."""

from __future__ import annotations

from sluicegate.llm.providers import find
from support.links import places, settings


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("openrouter") == {
        "openai_chat": "https://openrouter.ai/api/v1/chat/completions",
        "openai_responses": "https://openrouter.ai/api/v1/responses",
        "anthropic_messages": "https://openrouter.ai/api/v1/messages",
        "openai_completions": "https://openrouter.ai/api/v1/completions",
        "openai_embeddings": "https://openrouter.ai/api/v1/embeddings",
    }


def test_the_name_of_the_callers_application_goes_on() -> None:
    assert {b"http-referer", b"x-title"} <= find("openrouter").forwards


def test_it_says_what_a_stream_used_unasked() -> None:
    assert not find("openrouter").asks_usage("openai_chat", settings("openrouter"))
