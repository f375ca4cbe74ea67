import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.canonical import Usage
from sluicegate.llm.enclosed import IMAGE_LIKELY, IMAGE_MOST
from sluicegate.llm.tokens import (
    BUDGET_MOST,
    LEAST_BYTES,
    MOST_BYTES,
    MOST_MODELS,
    MOST_NUMBER,
    START_OUTPUT,
    TOOLS_MOST,
    Estimator,
    answers,
    goes_on_unseen,
    output_cap,
    reasoning_most,
)

TEXT = json.dumps({"messages": [{"role": "user", "content": "word " * 600}]}).encode()
IMAGE = json.dumps(
    {
        "messages": [
            {"content": [{"type": "image_url", "image_url": {"url": "data:," + "A" * 90_000}}]}
        ]
    }
).encode()


def raws(**said: object) -> dict[str, msgspec.Raw]:
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in said.items()}


def test_how_many_answers_a_call_asks_for() -> None:
    assert answers("openai_chat", raws(n=3)) == 3
    assert answers("openai_chat", raws(n=None)) == answers("openai_chat", {}) == 1
    assert answers("openai_completions", raws(n=2, best_of=5, prompt=["a", "b"])) == 10
    assert answers("gemini_generate", raws(generationConfig={"candidateCount": 4})) == 4
    assert answers("gemini_generate", raws(candidateCount=4)) == 1
    assert answers("anthropic_messages", raws(n=3)) == 1


def test_how_much_reasoning_a_translation_may_add_to_a_cap() -> None:
    google = {"thinkingConfig": {"thinkingBudget": 30_000}}
    assert reasoning_most("openai_chat", {}) == 0
    assert reasoning_most("openai_chat", raws(reasoning_effort="low")) == BUDGET_MOST
    assert reasoning_most("openai_chat", raws(thinking={"budget_tokens": 50_000})) == 50_000
    assert reasoning_most("cohere_chat", raws(thinking={"token_budget": 50_000})) == 50_000
    assert reasoning_most("gemini_generate", raws(generationConfig=google)) == 30_000
    assert reasoning_most("openai_responses", raws(reasoning={"effort": "high"})) == BUDGET_MOST


def fields(call: Mapping[str, Any]) -> dict[str, msgspec.Raw]:
    return {name: msgspec.Raw(json.dumps(value).encode()) for name, value in call.items()}


def test_a_new_model_is_estimated_on_the_safe_side() -> None:
    """About 4 characters a token, says OpenAI of English: it is estimated dearer."""
    assert Estimator().input_tokens("m", TEXT, most=False) > len(TEXT) / 4


def test_the_most_is_a_token_a_byte() -> None:
    assert Estimator().input_tokens("m", TEXT, most=True) == len(TEXT)


def test_tools_bring_a_prompt_of_their_own() -> None:
    body = b'{"tools":[],' + TEXT[1:]

    assert Estimator().input_tokens("m", body, most=True) == len(body) + TOOLS_MOST


def test_an_image_is_not_counted_by_its_bytes() -> None:
    estimator = Estimator()

    assert estimator.input_tokens("m", IMAGE, most=False) < 200 + IMAGE_LIKELY
    assert IMAGE_MOST < estimator.input_tokens("m", IMAGE, most=True) < IMAGE_MOST + 300


def test_an_estimate_comes_to_what_calls_have_had() -> None:
    estimator = Estimator()
    for _ in range(60):
        estimator.learn("m", len(TEXT), 3000, Usage(input=len(TEXT) // 5, output=600))

    assert estimator.input_tokens("m", TEXT, most=False) == pytest.approx(len(TEXT) / 5, rel=0.05)
    assert estimator.output_tokens("m", 5000) == pytest.approx(1000, rel=0.05)
    assert estimator.expected_output("m", None) == pytest.approx(600, rel=0.05)


def test_models_learn_apart() -> None:
    estimator = Estimator()
    before = estimator.input_tokens("n", TEXT, most=False)
    estimator.learn("m", 8000, 8000, Usage(input=1000, output=1000))

    assert estimator.input_tokens("n", TEXT, most=False) == before
    assert estimator.input_tokens("m", TEXT, most=False) < before


def test_a_short_call_teaches_little() -> None:
    """Most of its body is the JSON around a few words."""
    short, long = Estimator(), Estimator()
    short.learn("m", 80, 0, Usage(input=10))
    long.learn("m", 8000, 0, Usage(input=1000))

    assert short.input_tokens("m", TEXT, most=False) > long.input_tokens("m", TEXT, most=False)


@pytest.mark.parametrize(
    ("body_bytes", "text_bytes", "usage"),
    [
        (1000, 1000, Usage(input=300, output=300, estimated=True)),
        (100, 0, Usage(input=50_000, output=int(START_OUTPUT))),
        (2_000_000, 0, Usage(input=1500, output=int(START_OUTPUT))),
        (1000, 0, Usage(input=0, output=int(START_OUTPUT))),
        (0, 500, Usage(input=10, output=int(START_OUTPUT), reasoning=int(START_OUTPUT))),
    ],
)
def test_what_is_no_count_of_text_teaches_nothing(
    body_bytes: int, text_bytes: int, usage: Usage
) -> None:
    """Estimates, prompts that the provider keeps, images, and answers that nobody has seen."""
    taught, new = Estimator(), Estimator()
    taught.learn("m", body_bytes, text_bytes, usage)

    assert taught.input_tokens("m", TEXT, most=False) == new.input_tokens("m", TEXT, most=False)
    assert taught.output_tokens("m", 9999) == new.output_tokens("m", 9999)
    assert taught.expected_output("m", None) == new.expected_output("m", None)


def test_an_answer_is_expected_within_its_cap() -> None:
    assert Estimator().expected_output("m", 16) == 16
    assert Estimator().expected_output("m", 0) == 0
    assert Estimator().expected_output("m", 10**6) == START_OUTPUT + 1


def test_no_text_is_no_token_and_any_is_one() -> None:
    assert Estimator().output_tokens("m", 0) == 0
    assert Estimator().output_tokens("m", 1) == 1


def test_reasoning_is_not_counted_as_text() -> None:
    estimator = Estimator()
    for _ in range(60):
        estimator.learn("m", 0, 4000, Usage(output=10_000, reasoning=9000))

    assert estimator.output_tokens("m", 4000) == pytest.approx(1000, rel=0.05)


def test_names_are_kept_within_bounds_and_those_in_use_stay() -> None:
    estimator = Estimator()
    for number in range(3 * MOST_MODELS):
        estimator.learn("used", 8000, 0, Usage(input=1000))
        estimator.learn(f"model-{number}", 4000, 0, Usage(input=1000))

    assert len(estimator._models) == MOST_MODELS
    assert estimator.input_tokens("used", TEXT, most=False) < len(TEXT) / (MOST_BYTES - 1)


counts = st.integers(min_value=-10, max_value=10**9)


@given(st.lists(st.tuples(counts, counts, counts, counts, counts), max_size=50))
def test_whatever_is_learned_an_estimate_is_within_bounds(
    lessons: list[tuple[int, int, int, int, int]],
) -> None:
    estimator = Estimator()
    for body, text, incoming, outgoing, reasoning in lessons:
        usage = Usage(input=incoming, output=outgoing, reasoning=reasoning)
        estimator.learn("m", body, text, usage)

    for tokens in (
        estimator.input_tokens("m", TEXT, most=False),
        estimator.output_tokens("m", 999),
    ):
        assert tokens > 0
    assert estimator.input_tokens("m", TEXT, most=False) <= len(TEXT) / LEAST_BYTES + 1
    assert estimator.output_tokens("m", 9999) >= 9999 / MOST_BYTES
    assert estimator.expected_output("m", None) >= 0


@pytest.mark.parametrize(
    ("dialect", "call", "cap"),
    [
        ("openai_chat", {"max_tokens": 50}, 50),
        ("openai_chat", {"max_completion_tokens": 60, "max_tokens": 50}, 60),
        ("openai_chat", {"max_tokens": 50, "n": 3}, 150),
        ("openai_chat", {"n": 3}, None),
        ("openai_chat", {"max_tokens": -1}, None),
        ("openai_chat", {"max_tokens": None}, None),
        ("openai_chat", {"max_tokens": "nine"}, None),
        ("openai_chat", {"max_tokens": True}, None),
        ("openai_chat", {"max_tokens": 5, "n": 0}, 5),
        ("openai_completions", {"max_tokens": 10, "n": 2, "best_of": 5}, 50),
        ("openai_completions", {"max_tokens": 10, "prompt": ["a", "b"]}, 20),
        ("openai_completions", {"max_tokens": 10, "prompt": [[1, 2], [3], [4]]}, 30),
        ("openai_completions", {"max_tokens": 10, "prompt": [1, 2, 3]}, 10),
        ("openai_completions", {"max_tokens": 10, "prompt": "a"}, 10),
        ("openai_responses", {"max_output_tokens": 70}, 70),
        ("openai_responses", {"max_tokens": 70}, None),
        ("anthropic_messages", {"max_tokens": 80}, 80),
        ("gemini_generate", {"generationConfig": {"maxOutputTokens": 9}}, 9),
        ("gemini_generate", {"generation_config": {"max_output_tokens": 9}}, 9),
        ("gemini_generate", {"generationConfig": {"maxOutputTokens": 9, "candidateCount": 4}}, 36),
        ("gemini_generate", {"generationConfig": []}, None),
        ("gemini_generate", {"maxOutputTokens": 9}, None),
        ("bedrock_converse", {"inferenceConfig": {"maxTokens": 11}}, 11),
        ("cohere_chat", {"max_tokens": 12}, 12),
        ("gemini_generate", {"generationConfig": {"maxOutputTokens": "65536"}}, 65_536),
        ("openai_chat", {"max_tokens": 65_536.0}, 65_536),
        ("openai_chat", {"max_tokens": 10**30}, MOST_NUMBER),
        (
            "gemini_generate",
            {
                "generationConfig": {"maxOutputTokens": 60_000},
                "generation_config": {"maxOutputTokens": 1, "candidate_count": 2},
            },
            120_000,
        ),
        ("openai_embeddings", {"input": "a"}, 0),
        ("anthropic_count_tokens", {"max_tokens": 5}, 0),
        ("gemini_count_tokens", {}, 0),
        ("some_other", {"max_tokens": 5}, None),
    ],
)
def test_a_call_says_how_long_its_answers_may_be(
    dialect: str, call: dict[str, Any], cap: int | None
) -> None:
    assert output_cap(dialect, fields(call)) == cap


@pytest.mark.parametrize(
    ("dialect", "call", "unseen"),
    [
        ("openai_responses", {"background": True}, True),
        ("openai_responses", {"background": False}, False),
        ("openai_responses", {"background": None}, False),
        ("openai_responses", {}, False),
        ("openai_chat", {"background": True}, False),
    ],
)
def test_a_call_says_whether_it_goes_on_unseen(
    dialect: str, call: dict[str, Any], *, unseen: bool
) -> None:
    assert goes_on_unseen(dialect, fields(call)) is unseen
