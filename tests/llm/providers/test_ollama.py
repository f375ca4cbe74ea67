"""Ollama: where it is, and what it wants otherwise."""

from __future__ import annotations

from sluicegate.llm.providers import find
from support.links import fitted, places, shown


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("ollama") == {
        "openai_chat": "http://127.0.0.1:11434/v1/chat/completions",
        "openai_responses": "http://127.0.0.1:11434/v1/responses",
        "anthropic_messages": "http://127.0.0.1:11434/v1/messages",
        "openai_completions": "http://127.0.0.1:11434/v1/completions",
        "openai_embeddings": "http://127.0.0.1:11434/v1/embeddings",
    }


def test_the_bound_on_tokens_has_its_older_name_and_developers_speak_as_the_system() -> None:
    body = {"max_completion_tokens": 5, "messages": [{"role": "developer", "content": "x"}]}
    assert fitted("ollama", body) == {
        "max_tokens": 5,
        "messages": [{"role": "system", "content": "x"}],
    }


def test_a_server_on_this_machine_needs_no_key_and_the_cloud_does() -> None:
    assert list(find("ollama").required) == []
    assert shown("ollama") == []
    assert shown("ollama", key="of-the-cloud", url="https://ollama.com/v1") == ["authorization"]
