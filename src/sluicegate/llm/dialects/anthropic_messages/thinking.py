"""How much a model is to think, in the words of the API: `thinking` and `output_config.effort`.

Claude 4.5 and before think within a budget; later ones as they see fit, with an effort, and from
4.7 on refuse a budget (platform.claude.com, "Adaptive thinking"; Bedrock's user guide, same page).
So, for callers of other dialects: an effort becomes `adaptive` with that effort, or a budget for
the models before; a budget becomes an effort where the model is known to refuse budgets. `minimal`
becomes `low`, the least there is.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from sluicegate.llm.canonical import Reasoning

BUDGET_ONLY: Final = re.compile(
    r"claude-(?:3-7|(?:opus|sonnet|haiku)-4(?:-[015](?!\d)|-\d{8}|@|$))"
)
"""A closed list: Claude 3.7 to 4.5."""
TAKES_BOTH: Final = re.compile(r"claude-(?:opus|sonnet)-4-6(?!\d)")
MIN_BUDGET_TOKENS: Final = 1024
"""anthropic-sdk-python `types/thinking_config_enabled_param.py`: "Must be ≥1024"."""
BUDGETS: Final = {
    "minimal": 1024,
    "low": 1024,
    "medium": 2048,
    "high": 4096,
    "xhigh": 8192,
    "max": 16384,
}
"""Tokens, as LiteLLM's DEFAULT_REASONING_EFFORT_*_THINKING_BUDGET."""


class Words(NamedTuple):
    """`thinking` and `effort` of a request; None for nothing."""

    thinking: dict[str, Any] | None
    effort: str | None


def words_for(reasoning: Reasoning | None, model: str, *, own: bool) -> Words:
    """Return what to say. `own`: the caller spoke this dialect, so it is said as it was said."""
    if reasoning is None:
        return Words(None, None)
    effort = reasoning.effort if reasoning.effort != "none" else None
    if reasoning.budget == 0 or reasoning.effort == "none":
        return Words({"type": "disabled"}, effort)
    if own:
        return Words(_displayed(_as_said(reasoning), reasoning), effort)
    if reasoning == Reasoning(shown=False):
        return Words(None, None)
    return _for_model(reasoning, model)


def _as_said(reasoning: Reasoning) -> dict[str, Any] | None:
    if reasoning.adaptive:
        return {"type": "adaptive"}
    return None if reasoning.budget is None else _enabled(reasoning.budget)


def _for_model(reasoning: Reasoning, model: str) -> Words:
    budget, effort = reasoning.budget, reasoning.effort
    if BUDGET_ONLY.search(model):
        tokens = budget if budget is not None and budget > 0 else BUDGETS[effort or "medium"]
        return Words(_displayed(_enabled(max(tokens, MIN_BUDGET_TOKENS)), reasoning), None)
    level: str | None = "low" if effort == "minimal" else effort
    if budget is not None and budget > 0:
        if "claude-" not in model or TAKES_BOTH.search(model):
            tokens = max(budget, MIN_BUDGET_TOKENS)
            return Words(_displayed(_enabled(tokens), reasoning), level)
        level = level or _effort(budget)
    return Words(_displayed({"type": "adaptive"}, reasoning), level)


def _enabled(budget: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": budget}


def _displayed(thinking: dict[str, Any] | None, reasoning: Reasoning) -> dict[str, Any] | None:
    if thinking is not None:
        if reasoning.shown is not None:
            thinking["display"] = "summarized" if reasoning.shown else "omitted"
        elif reasoning.summary is not None:
            thinking["display"] = "summarized"
    return thinking


def _effort(budget: int) -> str:
    """Return the least effort whose budget is enough."""
    levels = ("low", "medium", "high", "xhigh")
    return next((level for level in levels if budget <= BUDGETS[level]), "max")
