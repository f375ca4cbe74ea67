"""DeepSeek: where it is, and what it wants otherwise."""

from __future__ import annotations

from support.links import fitted, places, shown


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("deepseek") == {
        "openai_chat": "https://api.deepseek.com/chat/completions",
        "anthropic_messages": "https://api.deepseek.com/anthropic/v1/messages",
    }


def test_the_key_stands_where_each_of_its_dialects_has_it() -> None:
    assert shown("deepseek") == ["authorization"]
    assert shown("deepseek", "anthropic_messages") == ["x-api-key"]


def test_a_body_of_anthropics_dialect_passes_as_it_is() -> None:
    body = {"model": "m", "max_completion_tokens": 5}
    assert fitted("deepseek", body, "anthropic_messages") == body
    assert fitted("deepseek", body) == {"model": "m", "max_tokens": 5}
