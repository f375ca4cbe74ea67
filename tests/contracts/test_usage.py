"""What a call has used is the same, whole or streamed, in every dialect; so it costs the same."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import cohere
import openai
import pydantic
import pytest
from google import genai
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.llm import dialects
from sluicegate.llm.canonical import (
    Answer,
    Begun,
    Choice,
    Delta,
    Ended,
    Event,
    PartBegun,
    PartEnded,
    Request,
    Stop,
    Stopped,
    Text,
    Usage,
    Used,
)
from sluicegate.llm.dialect import Dialect
from sluicegate.llm.dialects.anthropic_messages import usage as anthropic_usage
from sluicegate.llm.dialects.cohere_chat import usage as cohere_usage
from sluicegate.llm.dialects.gemini_generate import wire as gemini
from sluicegate.llm.dialects.openai_chat import answer_shape as chat
from sluicegate.llm.dialects.openai_responses import answer_shape as responses
from sluicegate.llm.prices import Price, Rates
from support.effort import THOROUGH
from support.llm_goldens import chat_dialects

CHAT = chat_dialects()
FEW = settings(max_examples=500 if THOROUGH else 25, deadline=None)
APART = Price(
    Rates(
        input=1_000_003, output=5_000_011, cached=100_019, cache_write=1_250_023,
        cache_write_1h=2_000_029, reasoning=7_000_031, audio_input=40_000_037,
        audio_output=80_000_041, image_input=5_000_043, image_output=30_000_047,
    ),
    call=11,
)  # fmt: skip
"""Every sort has its own price, so that one that is mistaken for another shows."""
REQUEST = Request(dialect="", model="m", messages=[], stream_usage=True)

few = st.integers(min_value=0, max_value=10**6)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Return a usage whose parts fit into the wholes."""
    plain, cached, written, heard, seen = (draw(few) for _ in range(5))
    said, thought, spoken, drawn = (draw(few) for _ in range(4))
    return Usage(
        input=plain + cached + written + heard + seen,
        output=said + thought + spoken + drawn,
        cached=cached,
        cache_write=written,
        cache_write_1h=draw(st.integers(min_value=0, max_value=written)),
        reasoning=thought,
        audio_input=heard,
        audio_output=spoken,
        image_input=seen,
        image_output=drawn,
    )


def whole(dialect: Dialect, usage: Usage) -> bytes:
    choice = Choice(index=0, parts=[Text(text="Hello.")], stop=Stop(reason="end"))
    tier = usage.tier or None
    answer = Answer(
        id="a-1", model="m", created=1, choices=[choice], usage=usage, service_tier=tier
    )
    return dialect.write_answer(answer, REQUEST)


def streamed(dialect: Dialect, usage: Usage) -> list[Event]:
    """Return what is read of a stream that was written."""
    writer, framing, reader = dialect.writer(REQUEST), dialect.framing(), dialect.reader()
    events: list[Event] = [
        Begun("a-1", "m", 1, service_tier=usage.tier or None),
        PartBegun(0, 0, Text(text="")),
        Delta(0, 0, "Hello."),
        PartEnded(0, 0),
        Stopped(0, Stop(reason="end")),
        Used(usage),
        Ended(),
    ]
    raw = b"".join(writer.write([event]) for event in events)
    read = [event for frame in framing.feed(raw) for event in reader.read(frame)]
    return [*read, *reader.end()]


def last(events: list[Event]) -> Usage:
    return [event.usage for event in events if isinstance(event, Used)][-1]


@pytest.mark.parametrize("name", CHAT)
@FEW
@given(usage=usages())
def test_a_usage_comes_back_as_it_was_whole_measured_and_streamed(name: str, usage: Usage) -> None:
    dialect = dialects.find(name)
    body = whole(dialect, usage)

    assert dialect.read_answer(body).usage == usage
    assert dialect.measure(body) == usage
    assert last(streamed(dialect, usage)) == usage


@pytest.mark.parametrize("name", CHAT)
@FEW
@given(usage=usages())
def test_a_call_costs_the_same_whole_and_streamed(name: str, usage: Usage) -> None:
    dialect = dialects.find(name)
    measured = dialect.measure(whole(dialect, usage))

    assert measured is not None
    assert APART.cost(measured) == APART.cost(last(streamed(dialect, usage))) == APART.cost(usage)


READING = ("reader", "framing")
TIERS = {
    "openai_chat": ["default", "flex", "priority"],
    "openai_responses": ["default", "flex", "priority", "ultrafast"],
    "anthropic_messages": ["standard", "priority", "fast"],
    "bedrock_converse": ["default", "flex", "priority", "reserved"],
    "gemini_generate": ["standard", "flex", "priority"],
}
"""Words of vendors for the tier of an answer."""


@pytest.mark.parametrize(("name", "tier"), [(n, tier) for n in TIERS for tier in TIERS[n]])
def test_a_service_tier_comes_back_whole_measured_and_streamed(name: str, tier: str) -> None:
    dialect, usage = dialects.find(name), Usage(input=5, output=3, tier=tier)
    body = whole(dialect, usage)

    assert dialect.read_answer(body).usage == dialect.measure(body) == usage
    assert last(streamed(dialect, usage)) == usage


@pytest.mark.parametrize(
    ("said", "tier"),
    [
        ({"trafficType": "ON_DEMAND_PRIORITY"}, "priority"),
        ({"trafficType": "ON_DEMAND"}, "standard"),
        ({"trafficType": "TRAFFIC_TYPE_UNSPECIFIED"}, ""),
        ({"serviceTier": "flex"}, "flex"),
        ({}, ""),
    ],
)
def test_google_says_the_tier_as_a_type_of_traffic(said: dict[str, str], tier: str) -> None:
    dialect = dialects.find("gemini_generate")
    candidate = {"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}
    counts = {"promptTokenCount": 5, "candidatesTokenCount": 3, **said}
    body = json.dumps({"candidates": [candidate], "usageMetadata": counts}).encode()
    reader = dialect.reader()
    frames = dialect.framing().feed(b"data: " + body + b"\n\n")

    assert dialect.measure(body) == Usage(input=5, output=3, tier=tier)
    assert last([event for frame in frames for event in reader.read(frame)]).tier == tier


def test_the_last_word_of_a_stream_on_its_tier_counts() -> None:
    """The first event of OpenAI's responses repeats what was asked for."""
    events = streamed(dialects.find("openai_responses"), Usage(input=1, output=1, tier="flex"))
    begun = [event for event in events if isinstance(event, Begun)]

    assert begun[0].service_tier == "flex"
    writer = dialects.find("openai_responses").writer(REQUEST)
    pieces = [writer.write([event]) for event in (Begun("a", "m", 1, None, "auto"), *events[1:])]
    reader, framing = (getattr(dialects.find("openai_responses"), n)() for n in READING)
    read = [e for frame in framing.feed(b"".join(pieces)) for e in reader.read(frame)]
    assert last(read).tier == "flex"


# --- as vendors' own SDKs have it ----------------------------------------------------------------


OPENAI = {
    "prompt_tokens": 1000,
    "completion_tokens": 300,
    "total_tokens": 1300,
    "prompt_tokens_details": {
        "cached_tokens": 400, "cache_write_tokens": 100, "audio_tokens": 50, "image_tokens": 60,
    },
    "completion_tokens_details": {
        "reasoning_tokens": 120, "audio_tokens": 30, "accepted_prediction_tokens": 7,
        "rejected_prediction_tokens": 9,
    },
}  # fmt: skip
READ = Usage(
    input=1000, output=300, cached=400, cache_write=100, reasoning=120, audio_input=50,
    audio_output=30, image_input=60,
)  # fmt: skip


@pytest.mark.parametrize("name", ["openai_chat", "openai_completions"])
def test_openais_counts_are_the_same_whole_and_streamed(name: str) -> None:
    dialect = dialects.find(name)
    said = {"message": {"content": "a"}, "text": "a", "index": 0, "finish_reason": "stop"}
    body = json.dumps({"id": "a", "choices": [said], "usage": OPENAI}).encode()
    piece = {"delta": {"content": "a"}, "text": "a", "index": 0, "finish_reason": "stop"}
    chunks = [{"id": "a", "choices": [piece]}, {"id": "a", "choices": [], "usage": OPENAI}]
    raw = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    reader = dialect.reader()
    frames = dialect.framing().feed(raw + b"data: [DONE]\n\n")

    assert dialect.measure(body) == READ
    assert last([event for frame in frames for event in reader.read(frame)]) == READ


def test_embeddings_count_their_input() -> None:
    body = b'{"data":[],"usage":{"prompt_tokens":8,"total_tokens":8}}'

    assert dialects.find("openai_embeddings").measure(body) == Usage(input=8)


def test_reasoning_that_a_vendor_counts_beside_the_output_is_output() -> None:
    """As xAI does: the total says so."""
    counts = {
        "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45,
        "completion_tokens_details": {"reasoning_tokens": 30},
    }  # fmt: skip
    body = json.dumps({"choices": [], "usage": counts}).encode()

    assert dialects.find("openai_chat").measure(body) == Usage(input=10, output=35, reasoning=30)


IGNORED = {
    "text_tokens",  # the rest
    "accepted_prediction_tokens", "rejected_prediction_tokens",  # parts of the output, paid as it
    "cache_write_tokens_details",  # of 30 minutes and 12 hours: no price tells them apart
    "inference_geo", "server_tool_use",  # no tokens
    "cache_tokens_details",  # cached sound and images are paid as cached
    "total_token_count",
}  # fmt: skip
COUNTS: list[tuple[type[pydantic.BaseModel], type[Any]]] = [
    (openai.types.CompletionUsage, chat.UsageShape),
    (openai.types.completion_usage.PromptTokensDetails, chat.Details),
    (openai.types.completion_usage.CompletionTokensDetails, chat.Details),
    (openai.types.responses.ResponseUsage, responses.Used),
    (openai.types.responses.response_usage.InputTokensDetails, responses.InputDetails),
    (openai.types.responses.response_usage.OutputTokensDetails, responses.OutputDetails),
    (anthropic.types.Usage, anthropic_usage.UsageIn),
    (anthropic.types.MessageDeltaUsage, anthropic_usage.UsageIn),
    (anthropic.types.CacheCreation, anthropic_usage.CacheCreation),
    (genai.types.GenerateContentResponseUsageMetadata, gemini.UsageMetadata),
    (cohere.Usage, cohere_usage.Usage),
    (cohere.UsageTokens, cohere_usage.Tokens),
]


@pytest.mark.parametrize(("theirs", "ours"), COUNTS)
def test_every_count_of_the_vendors_sdk_is_read(
    theirs: type[pydantic.BaseModel], ours: type[Any]
) -> None:
    assert set(theirs.model_fields) - IGNORED - {"total_tokens"} <= set(ours.__struct_fields__)
