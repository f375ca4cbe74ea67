"""Azure OpenAI: where it is, and what it wants otherwise."""

from __future__ import annotations

import pytest

from sluicegate.llm.providers import find
from support.links import places, settings, shown

AT = "https://example.services.ai.azure.com"


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("azure") == {
        "openai_chat": f"{AT}/openai/v1/chat/completions",
        "openai_responses": f"{AT}/openai/v1/responses",
        "openai_completions": f"{AT}/openai/v1/completions",
        "openai_embeddings": f"{AT}/openai/v1/embeddings",
        "anthropic_messages": f"{AT}/anthropic/v1/messages",
        "anthropic_count_tokens": f"{AT}/anthropic/v1/messages/count_tokens",
    }


def test_the_older_api_has_the_deployment_in_its_paths_and_a_version() -> None:
    older = places("azure", api_version="2024-10-21", url="https://r.openai.azure.com")
    at = "https://r.openai.azure.com/openai/deployments/m"
    assert older == {
        "openai_chat": f"{at}/chat/completions?api-version=2024-10-21",
        "openai_completions": f"{at}/completions?api-version=2024-10-21",
        "openai_embeddings": f"{at}/embeddings?api-version=2024-10-21",
    }


def test_claude_is_spoken_to_as_anthropic_does_and_has_the_key_there() -> None:
    facts = find("azure")
    assert facts.dialect_for("claude-opus") == "anthropic_messages"
    assert facts.dialect_for("gpt") == "openai_chat"
    assert shown("azure") == ["api-key"]
    assert shown("azure", "anthropic_messages") == ["x-api-key"]


@pytest.mark.parametrize(
    ("version", "chat", "completions"),
    [
        (None, True, True),
        ("2024-10-21", True, False),
        ("2024-09-01-preview", True, False),
        ("2024-06-01", False, False),
        ("preview", True, False),
    ],
)
def test_usage_is_asked_for_where_a_version_knows_how(
    version: str | None, *, chat: bool, completions: bool
) -> None:
    config = settings("azure", api_version=version)
    assert find("azure").asks_usage("openai_chat", config) == chat
    assert find("azure").asks_usage("openai_completions", config) == completions
