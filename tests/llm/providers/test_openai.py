"""OpenAI: where it is, and what it wants otherwise."""

from __future__ import annotations

from sluicegate.llm.providers import find
from support.links import places


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("openai") == {
        "openai_chat": "https://api.openai.com/v1/chat/completions",
        "openai_responses": "https://api.openai.com/v1/responses",
        "openai_completions": "https://api.openai.com/v1/completions",
        "openai_embeddings": "https://api.openai.com/v1/embeddings",
    }


def test_organization_and_project_are_the_operators_and_not_the_callers() -> None:
    assert find("openai").forwards == {b"openai-beta"}
