"""xAI: where it is, and what it wants otherwise."""

from __future__ import annotations

from support.links import fitted, places


def test_each_dialect_is_spoken_where_the_vendor_has_it() -> None:
    assert places("xai") == {
        "openai_chat": "https://api.x.ai/v1/chat/completions",
        "openai_responses": "https://api.x.ai/v1/responses",
    }


def test_a_body_passes_as_it_is() -> None:
    body = {"max_completion_tokens": 5}
    assert fitted("xai", body) == body
