"""How many tokens a call will use, before anybody has counted them.

Sources: OpenAI, "What are tokens and how to count them?" (about 4 characters of English each, fewer
of other languages); Google, "Understand and count tokens" (about 4). JSON around the text makes it
more. 3 is on the safe side until calls have been settled.

Sources of the fields that bound answers: openai-python 3.54
`types/chat/completion_create_params.py`, `types/completion_create_params.py` (`best_of` are made,
`n` of them given; for each prompt), `types/responses/response_create_params.py`; anthropic 2.12
`types/message_create_params.py`; google-genai 3.4 `types.py` (`GenerateContentConfig`; JSON takes
both spellings); botocore 1.44, bedrock-runtime `InferenceConfiguration`; cohere 7.3 `v2/client.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from sluicegate.llm.effort import BUDGETS as EFFORTS
from sluicegate.llm.enclosed import enclosed

if TYPE_CHECKING:
    from msgspec import Raw

    from sluicegate.llm.canonical import Usage
    from sluicegate.llm.enclosed import Enclosed

START_BYTES: Final = 3.0
LEAST_BYTES: Final = 1.0
MOST_BYTES: Final = 8.0
"""Of one token. A token is a byte at least; more than 8 a token is no text."""
START_OUTPUT: Final = 1000.0
"""Tokens of an answer: three times the mean of ShareGPT's (338; Kwon et al. 2023, "Efficient Memory
Management for Large Language Model Serving with PagedAttention", section 6.2)."""
GAIN: Final = 0.125
"""Of what a call teaches: that of round-trip times (RFC 6298, section 2)."""
WHOLE_LESSON: Final = 1000.0
"""Tokens from which on a call teaches as much as any; of a shorter one the JSON is too much."""
TOOLS_MOST: Final = 2048
"""Tokens that a provider adds where there are tools: up to 530, and about 950 for those of its own
that edit and run (Anthropic, "Tool use", pricing)."""
MOST_MODELS: Final = 1024
MOST_NUMBER: Final = 2**31
"""Of what a call says: more is more than any model writes."""
BUDGET_MOST: Final = max(budget for _, budget in EFFORTS)

CAPS: Final[dict[str, tuple[str, ...]]] = {
    "openai_chat": ("max_completion_tokens", "max_tokens"),
    "openai_completions": ("max_tokens",),
    "openai_responses": ("max_output_tokens",),
    "anthropic_messages": ("max_tokens",),
    "cohere_chat": ("max_tokens",),
    "gemini_generate": ("maxOutputTokens", "max_output_tokens"),
    "bedrock_converse": ("maxTokens",),
}
WITHIN: Final[dict[str, tuple[str, ...]]] = {
    "gemini_generate": ("generationConfig", "generation_config"),
    "bedrock_converse": ("inferenceConfig",),
}
"""Dialects whose caps stand in an object."""
TIMES: Final[dict[str, tuple[str, ...]]] = {
    "openai_chat": ("n",),
    "openai_completions": ("n", "best_of"),
    "gemini_generate": ("candidateCount", "candidate_count"),
}
THOUGHTS: Final = frozenset(
    {"reasoning_effort", "reasoning", "thinking", "generationConfig", "generation_config"}
)
"""Fields that may ask for reasoning, of dialects that are translated."""
BUDGETS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "openai_chat": (("thinking",), ("budget_tokens",)),
    "cohere_chat": (("thinking",), ("token_budget",)),
    "gemini_generate": (
        ("thinkingConfig", "thinking_config"), ("thinkingBudget", "thinking_budget"),
    ),
}  # fmt: skip
"""Where a call says how many tokens may be reasoning."""
SILENT: Final = frozenset({"openai_embeddings", "anthropic_count_tokens", "gemini_count_tokens"})
"""Answers without tokens."""


class _Learned:
    __slots__ = ("input_bytes", "output_bytes", "output_tokens")

    def __init__(self) -> None:
        self.input_bytes = START_BYTES
        self.output_bytes = START_BYTES
        self.output_tokens = START_OUTPUT


class Estimator:
    """Learns from settled calls how many bytes a token of a model has. One for a process.

    `model` is any name; names beyond a bound push out those that were not used for longest.
    """

    __slots__ = ("_models", "_unknown")

    def __init__(self) -> None:
        """Know nothing."""
        self._models: dict[str, _Learned] = {}
        self._unknown = _Learned()

    def input_tokens(
        self, model: str, body: bytes, *, most: bool, media: Enclosed | None = None
    ) -> int:
        """Return how many tokens a call's body is: likely, or `most`.

        `most` is a bound for what is in the body: a token is a byte at least, and for media see
        `enclosed`. What a provider adds from elsewhere is in no body: conversations that it keeps
        (`previous_response_id`), results of its own tools. `media`: what was found in it before.
        """
        if media is None:
            media = enclosed(body)
        text = len(body) - media.encoded_bytes
        if most:
            return text + media.most_tokens + (TOOLS_MOST if media.tools else 0)
        return int(text / self._of(model).input_bytes) + 1 + media.likely_tokens

    def output_tokens(self, model: str, text_bytes: int) -> int:
        """Return how many tokens so much text (UTF-8) of an answer is, likely; 0 for none."""
        if text_bytes <= 0:
            return 0
        return int(text_bytes / self._of(model).output_bytes) + 1

    def expected_output(self, model: str, cap: int | None) -> int:
        """Return how many tokens an answer will have, likely; `cap` as the call says."""
        tokens = int(self._of(model).output_tokens) + 1
        return tokens if cap is None else min(tokens, cap)

    def learn(self, model: str, body_bytes: int, text_bytes: int, usage: Usage) -> None:
        """Take notice of what a call has used. `text_bytes` 0: nobody has counted them."""
        if usage.estimated:
            return
        learned = self._models.pop(model, None) or _Learned()
        if len(self._models) >= MOST_MODELS:
            del self._models[next(iter(self._models))]
        self._models[model] = learned
        learned.input_bytes = _nearer(learned.input_bytes, body_bytes, usage.input)
        seen = usage.output - usage.reasoning - usage.audio_output - usage.image_output
        learned.output_bytes = _nearer(learned.output_bytes, text_bytes, seen)
        learned.output_tokens += GAIN * (float(max(0, usage.output)) - learned.output_tokens)

    def _of(self, model: str) -> _Learned:
        return self._models.get(model, self._unknown)


def _nearer(before: float, size: int, tokens: int) -> float:
    """Return bytes per token, nearer to what a call had.

    Unless it had something else than text: less than a byte a token is a conversation that the
    provider keeps, more than twice the most are media.
    """
    if tokens <= 0 or size <= 0:
        return before
    found = float(size) / float(tokens)
    if found < LEAST_BYTES or found > 2.0 * MOST_BYTES:
        return before
    gain = GAIN * min(1.0, float(tokens) / WHOLE_LESSON)
    return before + gain * (min(found, MOST_BYTES) - before)


def output_cap(dialect: str, fields: Mapping[str, Raw]) -> int | None:
    """Return how many tokens a call lets its answers have, all choices together; None: no cap."""
    cap = answer_cap(dialect, fields)
    return None if cap is None else cap * answers(dialect, fields)


def answer_cap(dialect: str, fields: Mapping[str, Raw]) -> int | None:
    """Return how many tokens a call lets each of its answers have; None: no cap.

    What is no number counts as not given: the dialect's reader or the provider refuses it.
    """
    if dialect in SILENT:
        return 0
    within = _within(dialect, fields)
    caps = [_number(within, name) or 0 for name in CAPS.get(dialect, ())]
    return max(caps, default=0) or None


def answers(dialect: str, fields: Mapping[str, Raw]) -> int:
    """Return how many answers a call asks for: each may be as long as its cap says."""
    names = TIMES.get(dialect)
    if names is None:
        return 1
    within = _within(dialect, fields)
    times = 1
    for name in names:
        if name in within:
            times = max(times, _number(within, name) or 1)
    return times * _prompts(dialect, fields)


def reasoning_most(dialect: str, fields: Mapping[str, Raw]) -> int:
    """Return how many tokens of reasoning a translation may add to a call's cap; 0 for none.

    It does so where the cap is below the budget, for vendors that want it above (Anthropic's
    models).
    """
    if THOUGHTS.isdisjoint(fields):
        return 0
    budget = BUDGET_MOST
    holders, names = BUDGETS.get(dialect, ((), ()))
    within = _within(dialect, fields)
    for holder in holders:
        if holder in within:
            said = _fields(within[holder])
            budget = max(budget, *(_number(said, name) or 0 for name in names))
    return budget


def _within(dialect: str, fields: Mapping[str, Raw]) -> Mapping[str, Raw]:
    """Return what a call's caps stand in.

    Where that is there in two spellings nobody knows which one counts: then it is what either says,
    and the larger of two numbers.
    """
    if dialect not in WITHIN:
        return fields
    within: dict[str, Raw] = {}
    for name in WITHIN[dialect]:
        for member, said in _fields(fields[name]).items() if name in fields else ():
            if (_number(within, member) or 0) <= (_number({member: said}, member) or 0):
                within[member] = said
    return within


def _number(fields: Mapping[str, Raw], name: str) -> int | None:
    """Return a number from 1 up; None for all else, such as -1 for as much as there is room.

    Providers take `8192.0` and `"8192"` for one too (the JSON form of protocol buffers; pydantic).
    """
    if name not in fields:
        return None
    try:
        value = msgspec.json.decode(fields[name], type=int, strict=False)
    except ValueError:
        return None
    return min(value, MOST_NUMBER) if value > 0 else None


def _fields(raw: Raw) -> dict[str, Raw]:
    try:
        return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError):
        return {}


def _prompts(dialect: str, fields: Mapping[str, Raw]) -> int:
    """Return how many prompts a call has: a list of texts, or of lists of tokens, are several."""
    if dialect != "openai_completions" or "prompt" not in fields:
        return 1
    try:
        prompts = msgspec.json.decode(fields["prompt"], type=list[str | list[int]])
    except (ValueError, RecursionError):
        return 1
    return max(1, len(prompts))


def goes_on_unseen(dialect: str, fields: Mapping[str, Raw]) -> bool:
    """Whether a call is done in the background: its answer comes before anything was used.

    That is `background` of Responses (openai 3.54, types/responses/response_create_params.py).
    """
    raw = fields.get("background") if dialect == "openai_responses" else None
    if raw is None:
        return False
    try:
        return msgspec.json.decode(raw, type=bool, strict=False)
    except ValueError:
        return False
