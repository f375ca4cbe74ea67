"""What cannot be: cells that are refused, and what has no words; and the page of it all."""

from __future__ import annotations

from collections.abc import Iterable

Cell = tuple[str, str, str]
"""The dialects of caller and provider, and the scenario."""

NO_STOP = "The Responses API has no stop sequences (openai-python `types/responses/`)"
LIMITS: dict[Cell, tuple[str, str]] = {
    ("openai_chat", "openai_responses", "stop_sequence"): ("stop", NO_STOP),
    ("anthropic_messages", "openai_responses", "stop_sequence"): ("stop_sequences", NO_STOP),
    ("gemini_generate", "openai_responses", "stop_sequence"): (
        "generationConfig.stopSequences",
        NO_STOP,
    ),
}
"""Cells that are a 400: the field that it names, and why."""

UNSIGNED = (
    "Chat completions sign no reasoning and take none back: of another dialect's call it is "
    "left out, and `sluicegate-dropped` says so"
)
CALLERS = ("openai_chat", "openai_responses", "anthropic_messages", "gemini_generate")
NO_WORDS: dict[tuple[str, str], tuple[set[str], str]] = {
    ("bedrock_converse", "reasoning"): (
        {"reasoning_tokens"},
        "Converse counts reasoning within the output, not by itself",
    ),
    ("cohere_chat", "reasoning"): (
        {"reasoning_tokens"},
        "Cohere counts reasoning within the output, not by itself",
    ),
    ("cohere_chat", "handed_back"): (
        {"signature"},
        "Cohere takes reasoning back, and signs none",
    ),
    ("openai_chat", "handed_back"): (
        {"signature", "thinking"},
        UNSIGNED,
    ),
}
"""By provider dialect and scenario: what its API has no words for, so that nobody says it."""
UNSAID: dict[Cell, set[str]] = {
    (caller, dialect, scenario): unsaid
    for caller in CALLERS
    for (dialect, scenario), (unsaid, _) in NO_WORDS.items()
}
RETRY_AFTER = {
    "openai_chat": "1",
    "openai_responses": "2",
    "anthropic_messages": "7",
    "gemini_generate": "7",
    "bedrock_converse": None,
    "cohere_chat": "7",
}
"""What the vendor of the goldens asks for, in seconds, rounded up."""

TITLES = {
    "text": "text",
    "system": "system prompt",
    "tools": "a tool is called",
    "parallel_tools": "two tools at once",
    "tool_results": "a tool's result",
    "structured": "structured output",
    "image": "an image",
    "reasoning": "reasoning",
    "handed_back": "reasoning handed back",
    "stop_sequence": "stop sequences",
    "cached": "usage with cached tokens",
    "length": "cut at the most tokens",
    "content_filter": "stopped by a filter",
}
REST = (
    "errors: the SDK's own class",
    "an error in mid-stream: the SDK's own class",
    "the caller leaves: the provider's connection is closed at once",
)
HEAD = """# Every SDK to every model

The official Python SDKs, changed in nothing but URL and key, ask for models behind each dialect
of provider, each thing whole and streamed. `tests/journeys/test_sdk_matrix.py` plays every cell
through a gateway, against a provider that answers as its vendor does, and compares what the SDK
reads and what the provider was sent. `make sdks` plays it too, and prints this page.

✓ passes, whole and streamed. `400` is an answer that names this field. A number is of a note below.
A dash is what the SDK itself has no words for.
"""


def page(callers: Iterable[tuple[str, str]], dialects: list[str], scenarios: list[str]) -> str:
    """Write the page; `callers` are names and dialects."""
    notes: list[str] = []
    text = HEAD
    for name, dialect in callers:
        text += f"\n## {name}\n| |{'|'.join(f' `{each}` ' for each in dialects)}|\n"
        text += "|---" * (len(dialects) + 1) + "|\n"
        for scenario in scenarios:
            cells = [_cell((dialect, each, scenario), notes) for each in dialects]
            text += f"| {TITLES[scenario]} | {' | '.join(cells)} |\n"
        for title in REST:
            text += f"| {title} |{' ✓ |' * len(dialects)}\n"
    text += "\n## Notes\n"
    text += "".join(f"{number}. {note}.\n" for number, note in enumerate(notes, 1))
    return text


def _cell(cell: Cell, notes: list[str]) -> str:
    if cell[0] == "openai_responses" and cell[2] == "stop_sequence":
        return "-"
    limit, words = LIMITS.get(cell), NO_WORDS.get(cell[1:])
    if limit is not None:
        return f"400 `{limit[0]}` ({_number(limit[1], notes)})"
    return "✓" if words is None else f"✓ ({_number(words[1], notes)})"


def _number(note: str, notes: list[str]) -> int:
    if note not in notes:
        notes.append(note)
    return notes.index(note) + 1
