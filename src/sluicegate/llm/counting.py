"""A count of tokens, as an answer: it has no choices, and its usage is the count."""

from __future__ import annotations

from sluicegate.llm.canonical import Answer, Usage


def counted(tokens: int) -> Answer:
    """Return the answer that says so many tokens."""
    return Answer(id="", model="", created=0, choices=[], usage=Usage(input=tokens))


def count_of(answer: Answer) -> int:
    """Return what such an answer says."""
    return 0 if answer.usage is None else answer.usage.input
