"""Cerebras: where it is, and what it wants otherwise."""

from __future__ import annotations

from support.links import fitted, places


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("cerebras") == {
        "openai_chat": "https://api.cerebras.ai/v1/chat/completions",
        "openai_completions": "https://api.cerebras.ai/v1/completions",
    }


def test_developers_speak_as_the_system() -> None:
    assert fitted("cerebras", {"messages": [{"role": "developer"}]}) == {
        "messages": [{"role": "system"}]
    }
