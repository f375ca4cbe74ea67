"""How hard to think, as a word and as tokens: dialects that have one of them ask for it here.

The bounds are LiteLLM's (litellm/constants.py: DEFAULT_REASONING_EFFORT_*_THINKING_BUDGET), so that
who comes from there is understood alike; `xhigh` and `max` double on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.llm.canonical import Effort, Reasoning

BUDGETS: Final[tuple[tuple[Effort, int], ...]] = (
    ("none", 0),
    ("minimal", 128),
    ("low", 1024),
    ("medium", 2048),
    ("high", 4096),
    ("xhigh", 8192),
    ("max", 16384),
)


def effort_of(reasoning: Reasoning) -> Effort | None:
    """Return the word: the smallest whose budget is enough; None where the model is to decide."""
    if reasoning.effort is not None or reasoning.budget is None:
        return reasoning.effort
    if reasoning.budget < 0:
        return None
    # `xhigh` and `max` are for those who say so: few models know them.
    for effort, budget in BUDGETS[:5]:
        if reasoning.budget <= budget:
            return effort
    return "high"


def budget_of(reasoning: Reasoning) -> int | None:
    """Return tokens: 0 for off, -1 for as much as it likes; None where nobody said."""
    if reasoning.budget is not None:
        return reasoning.budget
    if reasoning.effort is None:
        return -1 if reasoning.adaptive else None
    return dict(BUDGETS)[reasoning.effort]
