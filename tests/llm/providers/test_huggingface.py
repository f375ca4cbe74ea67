"""Hugging Face: where it is, and what it wants otherwise."""

from __future__ import annotations

from support.links import fitted, places


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("huggingface") == {
        "openai_chat": "https://router.huggingface.co/v1/chat/completions",
    }


def test_the_bound_on_tokens_has_its_older_name_and_developers_speak_as_the_system() -> None:
    body = {"max_completion_tokens": 5, "messages": [{"role": "developer", "content": "x"}]}
    assert fitted("huggingface", body) == {
        "max_tokens": 5,
        "messages": [{"role": "system", "content": "x"}],
    }


def test_responses_are_spoken_only_where_they_are_asked_for() -> None:
    assert "openai_responses" in places("huggingface", dialects=["openai_responses"])
