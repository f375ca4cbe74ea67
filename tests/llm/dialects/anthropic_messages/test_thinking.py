from __future__ import annotations

import pytest

from sluicegate.llm.canonical import Reasoning
from sluicegate.llm.dialects.anthropic_messages.thinking import BUDGET_ONLY, Words, words_for

NEW, BOTH, OLD, ELSE = "claude-opus-5-5", "claude-opus-4-6", "claude-sonnet-4-5", "kimi-k3"
ADAPTIVE = {"type": "adaptive"}


@pytest.mark.parametrize(
    ("model", "old"),
    [
        ("claude-3-7-sonnet-20250219", True),
        ("claude-sonnet-4-20250514", True),
        ("claude-opus-4-1-20250805", True),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", True),
        ("claude-opus-4@20250514", True),
        ("claude-opus-4-6", False),
        ("claude-sonnet-5", False),
        ("claude-opus-4-10", False),
        ("gpt-5", False),
    ],
)
def test_the_models_that_only_know_budgets_are_a_closed_list(model: str, old: bool) -> None:  # noqa: FBT001 - a column
    assert bool(BUDGET_ONLY.search(model)) is old


@pytest.mark.parametrize(
    ("reasoning", "model", "words"),
    [
        (None, NEW, Words(None, None)),
        (Reasoning(effort="high"), NEW, Words(ADAPTIVE, "high")),
        (Reasoning(effort="minimal"), ELSE, Words(ADAPTIVE, "low")),
        (Reasoning(effort="none"), NEW, Words({"type": "disabled"}, None)),
        (Reasoning(budget=0), OLD, Words({"type": "disabled"}, None)),
        (Reasoning(budget=-1), NEW, Words(ADAPTIVE, None)),
        (Reasoning(budget=3000), NEW, Words(ADAPTIVE, "high")),
        (Reasoning(budget=99_999), NEW, Words(ADAPTIVE, "max")),
        (
            Reasoning(budget=3000),
            BOTH,
            Words({"type": "enabled", "budget_tokens": 3000}, None),
        ),
        (
            Reasoning(budget=5),
            ELSE,
            Words({"type": "enabled", "budget_tokens": 1024}, None),
        ),
        (
            Reasoning(effort="high"),
            OLD,
            Words({"type": "enabled", "budget_tokens": 4096}, None),
        ),
        (
            Reasoning(shown=True),
            NEW,
            Words({"type": "adaptive", "display": "summarized"}, None),
        ),
        (Reasoning(shown=False), NEW, Words(None, None)),
        (
            Reasoning(effort="low", summary="concise"),
            NEW,
            Words({"type": "adaptive", "display": "summarized"}, "low"),
        ),
    ],
)
def test_other_dialects_ask_in_the_words_that_the_model_takes(
    reasoning: Reasoning | None, model: str, words: Words
) -> None:
    assert words_for(reasoning, model, own=False) == words


@pytest.mark.parametrize(
    ("reasoning", "words"),
    [
        (Reasoning(effort="low"), Words(None, "low")),
        (Reasoning(budget=2000), Words({"type": "enabled", "budget_tokens": 2000}, None)),
        (
            Reasoning(adaptive=True, shown=False, effort="max"),
            Words({"type": "adaptive", "display": "omitted"}, "max"),
        ),
        (Reasoning(budget=0, effort="low"), Words({"type": "disabled"}, "low")),
    ],
)
def test_a_caller_of_this_dialect_is_taken_at_its_word(reasoning: Reasoning, words: Words) -> None:
    assert words_for(reasoning, NEW, own=True) == words
