import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from genai_prices import calc_price, data, types

from sluicegate.llm import price_data
from sluicegate.llm.canonical import Usage
from sluicegate.llm.price_book import LONGER, LONGEST_ANSWER, MOST_NAMES, VENDORS, PriceBook
from sluicegate.llm.providers import kinds
from support.effort import THOROUGH

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ROUNDS = 30 if THOROUGH else 3
NANO = Decimal("1e-9")
MINE = {"ollama", "vllm", "openai_compatible", "nvidia", "huggingface"}
"""Whose prices nobody knows by vendor."""


def us(when: datetime) -> int:
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def cost(kind: str, model: str, usage: Usage | None = None, when: datetime = NOW) -> int | None:
    tariff = PriceBook().find(kind, model)
    used = usage or Usage(input=1_000_000)
    return None if tariff is None else tariff.at(us(when)).cost(used)


def names_of(match: object) -> list[str]:
    """Return names that a clause is made for."""
    if isinstance(match, types.ClauseOr):
        return [name for clause in match.or_ for name in names_of(clause)]
    for word in ("equals", "starts_with", "contains", "ends_with"):
        if (text := getattr(match, word, None)) is not None:
            return [text]
    return []


def a_usage(chance: random.Random) -> Usage:
    incoming = chance.choice([0, 9, 1000, 100_001, 128_001, 200_000, 200_001, 272_001, 900_000])
    outgoing = chance.randrange(5000)
    part, made = incoming // 4 + 1, outgoing // 3 + 1
    written = chance.randrange(part)
    return Usage(
        input=incoming,
        output=outgoing,
        cached=chance.randrange(part),
        cache_write=written,
        cache_write_1h=chance.randrange(written + 1),
        audio_input=chance.randrange(part),
        image_input=chance.randrange(part),
        reasoning=chance.randrange(made),
        audio_output=chance.randrange(made),
        image_output=chance.randrange(made),
    )


def theirs(usage: Usage) -> types.Usage:
    return types.Usage(
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.cached,
        cache_write_tokens=usage.cache_write,
        cache_write_1h_tokens=usage.cache_write_1h,
        input_audio_tokens=usage.audio_input,
        output_audio_tokens=usage.audio_output,
        input_image_tokens=usage.image_input,
        output_image_tokens=usage.image_output,
        output_reasoning_tokens=usage.reasoning,
        cache_audio_read_tokens=0,
        cache_image_read_tokens=0,
    )


@pytest.mark.parametrize("kind", sorted(VENDORS))
def test_every_model_costs_what_genai_prices_says(kind: str) -> None:
    """At any time, at any service tier, within one rounding and the one of quotients."""
    provider = next(one for one in data.providers if one.id == VENDORS[kind])
    chance, book, compared = random.Random(kind), PriceBook(), 0
    for model in provider.models:
        tiers = [
            v.when.get("service_tier") or v.when.get("speed") for v in model.price_variants or ()
        ]
        for name in [model.id, *names_of(model.match)[:2]] * ROUNDS:
            if provider.find_model(name, all_providers=data.providers) is None:
                continue
            usage = a_usage(chance)
            when = datetime.fromtimestamp(chance.randrange(1_700_000_000, 1_830_000_000), UTC)
            tier = chance.choice(["", *filter(None, tiers)])
            told = "speed" if tier == "fast" and provider.id == "anthropic" else "service_tier"
            wanted = calc_price(
                theirs(usage),
                name,
                provider_id=provider.id,
                genai_request_timestamp=when,
                price_context={told: tier} if tier else None,
            ).total_price
            tariff = book.find(kind, name)
            if tariff is None:  # it is paid by the hour, the page or the character
                assert wanted == 0
                continue
            found = tariff.at(us(when), tier).cost(usage)
            assert 0 <= found - wanted / NANO < 2, (name, usage, when, tier)
            compared += 1
    assert compared > len(provider.models) // 4


def test_every_vendor_has_known_prices_or_nobody_knows_them() -> None:
    assert set(VENDORS) | MINE == set(kinds())


@pytest.mark.parametrize("kind", sorted(MINE))
def test_what_nobody_knows_has_no_price(kind: str) -> None:
    assert cost(kind, "gpt-4o") is None


@pytest.mark.parametrize(
    ("kind", "name", "same"),
    [
        ("bedrock", "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-5",
         "us.anthropic.claude-opus-5"),
        ("bedrock", "arn:aws:bedrock:eu-west-1::foundation-model/meta.llama3-1-8b-instruct-v1:0",
         "meta.llama3-1-8b-instruct-v1:0"),
        ("gemini", "models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("vertex", "claude-opus-4-5@20251101", "claude-opus-4-5"),
        ("openai", "gpt-4o-20240806", "gpt-4o-2024-08-06"),
        ("openai", "GPT-4o", "gpt-4o"),
    ],
)  # fmt: skip
def test_other_spellings_of_a_name_have_its_price(kind: str, name: str, same: str) -> None:
    assert cost(kind, name) == cost(kind, same) is not None


def test_bedrock_is_dearer_in_one_region_than_anywhere() -> None:
    here = cost("bedrock", "eu.anthropic.claude-opus-5-5")
    anywhere = cost("bedrock", "global.anthropic.claude-opus-5-5")

    assert here is not None
    assert anywhere is not None
    assert here > anywhere


def test_azure_has_the_prices_of_openai_and_anthropic() -> None:
    assert cost("azure", "claude-opus-4-5") == cost("anthropic", "claude-opus-4-5") is not None
    assert cost("azure", "gpt-4o") == cost("openai", "gpt-4o")


def test_hugging_face_names_its_vendor_in_the_model() -> None:
    assert cost("huggingface", "meta-llama/Llama-3.3-70B-Instruct:together") is not None
    assert cost("huggingface", "meta-llama/Llama-3.3-70B-Instruct:nobody") is None
    assert cost("huggingface", "meta-llama/Llama-3.3-70B-Instruct") is None


def test_an_unknown_model_has_no_price() -> None:
    assert cost("openai", "nobodys-model") is None
    assert cost("openai", "") is None
    assert cost("openai", "gpt-4o" + "x" * 10_000) is None


def test_a_model_that_is_paid_by_the_hour_has_no_price_of_tokens() -> None:
    assert cost("openai", "whisper-1") is None


def test_a_model_for_free_costs_nothing() -> None:
    assert cost("openrouter", "qwen/qwq-32b:free") == 0


@pytest.mark.parametrize(
    ("kind", "model", "tier", "times"),
    [
        ("openai", "gpt-5", "priority", 2),
        ("openai", "gpt-5", "", 2),
        ("azure", "gpt-5", "", 2),
        ("openai", "gpt-5", "flex", 1),
        ("anthropic", "claude-opus-5", "fast", 2),
        ("anthropic", "claude-opus-5", "", 1),
        ("anthropic", "claude-opus-5", "priority", 1),
        ("gemini", "gemini-3.8-flash-tts", "", 1),
    ],
)
def test_a_call_reserves_for_the_dearest_tier_that_it_may_get(
    kind: str, model: str, tier: str, times: int
) -> None:
    tariff = PriceBook().find(kind, model)

    assert tariff is not None
    standard = tariff.at(us(NOW)).most(1000, 1000)
    assert tariff.most(us(NOW), tier, 1000, 1000) == times * standard


@pytest.mark.parametrize(
    ("kind", "model", "longest"),
    [
        ("openai", "gpt-4", 8192),
        ("openai", "gpt-5", LONGEST_ANSWER),
        ("deepseek", "deepseek-v4-pro", LONGER["deepseek"]),
    ],
)
def test_an_answer_is_no_longer_than_its_models_window(kind: str, model: str, longest: int) -> None:
    tariff = PriceBook().find(kind, model)

    assert tariff is not None
    assert tariff.longest == longest


def test_a_vendor_is_read_once_and_names_are_kept_within_bounds() -> None:
    read: list[str] = []

    def count(vendor: str) -> dict[str, price_data.KnownProvider]:
        read.append(vendor)
        return price_data.read(vendor)

    book = PriceBook(count)
    for number in range(MOST_NAMES + 10):
        book.find("deepseek", f"a-{number}")

    assert read == ["deepseek"]
    assert len(book._found) == MOST_NAMES
    assert book.find("deepseek", "deepseek-chat") is book.find("deepseek", "deepseek-chat")


def test_prices_that_cannot_be_read_are_unknown_and_it_is_told_why() -> None:
    def fail(_vendor: str) -> dict[str, price_data.KnownProvider]:
        raise price_data.Unreadable("the prices cannot be read")

    book = PriceBook(fail)

    assert book.find("openai", "gpt-4o") is None
    assert book.fault == "the prices cannot be read"
