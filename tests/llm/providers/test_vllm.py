"""vLLM: where it is, and what it wants otherwise."""

from __future__ import annotations

from sluicegate.llm.providers import find
from support.links import places, shown


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("vllm") == {
        "openai_chat": "http://10.0.0.7:8000/v1/chat/completions",
        "openai_responses": "http://10.0.0.7:8000/v1/responses",
        "anthropic_messages": "http://10.0.0.7:8000/v1/messages",
        "anthropic_count_tokens": "http://10.0.0.7:8000/v1/messages/count_tokens",
        "openai_completions": "http://10.0.0.7:8000/v1/completions",
        "openai_embeddings": "http://10.0.0.7:8000/v1/embeddings",
    }


def test_it_needs_a_url_and_no_key() -> None:
    assert list(find("vllm").required) == ["url"]
    assert shown("vllm", key=None) == []
