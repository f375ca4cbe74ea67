"""Anthropic: where it is, and what it wants otherwise."""

from __future__ import annotations

from sluicegate.llm.providers import find
from support.links import places, shown


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("anthropic") == {
        "anthropic_messages": "https://api.anthropic.com/v1/messages",
        "anthropic_count_tokens": "https://api.anthropic.com/v1/messages/count_tokens",
    }


def test_the_version_is_always_said_and_the_callers_betas_go_on() -> None:
    facts = find("anthropic")
    assert list(facts.headers) == [(b"anthropic-version", b"2023-06-01")]
    assert facts.forwards == {b"anthropic-version", b"anthropic-beta"}
    assert shown("anthropic") == ["x-api-key"]
