"""Prices that are known without being configured: those of genai-prices, by vendor and model.

A vendor's prices are read when one of its models is first asked for, once, in about 12 ms; names
come from callers where a model's name ends in `*`, so what was found is kept within bounds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Final

from sluicegate.llm import price_data
from sluicegate.llm.price_data import DAY_US, Conditional, KnownModel, KnownProvider, Prices, When
from sluicegate.llm.prices import Price, Rates, Span, Tariff

MOST_NAMES: Final = 4096
MOST_CHARACTERS: Final = 256
"""Of a model's name. The longest of genai-prices 0.2.3 has 66."""

VENDORS: Final = {
    "anthropic": "anthropic",
    "azure": "azure",
    "bedrock": "aws",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "fireworks": "fireworks",
    "gemini": "google",
    "groq": "groq",
    "mistral": "mistral",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "together": "together",
    "vertex": "google",
    "xai": "x-ai",
}
"""Kinds of providers to ids of genai-prices. It knows no prices of the others: they are one's own
servers, or (`nvidia`) not in it. `huggingface` names the vendor in the model: `…:groq`."""
FIELDS: Final = {
    "cached": ("cache_read_mtok",),
    "cache_write": ("cache_write_5m_mtok", "cache_write_mtok"),
    "cache_write_1h": ("cache_write_1h_mtok", "cache_write_mtok"),
    "reasoning": ("output_reasoning_mtok",),
    "audio_input": ("input_audio_mtok",),
    "audio_output": ("output_audio_mtok",),
    "image_input": ("input_image_mtok",),
    "image_output": ("output_image_mtok",),
}
"""Ours to the price keys that say them, the narrower one first. What has none costs as its whole.
"""
COUNTED: Final = frozenset(
    {
        "input_mtok",
        "output_mtok",
        "requests_kcount",
        *(key for keys in FIELDS.values() for key in keys),
    }
)
WORDS: Final = ("service_tier", "speed")
"""What `Tariff.at` is told: OpenAI's and Google's tiers, and Anthropic's `fast`."""
AUTOMATIC: Final = frozenset({"openai"})
"""Whose calls that name no tier have one that is set elsewhere, for the project (openai 3.54,
`types/chat/completion_create_params.py`); of others it is the standard one."""
LONGEST_ANSWER: Final = 131_072
"""Tokens of an answer where a call sets no bound: 128 000 of OpenAI's and Anthropic's models, and
65 536 of Google's, by their lists of models."""
LONGER: Final = {"deepseek": 393_216}
"""Vendors with models that write more (api-docs.deepseek.com, "Models & Pricing": 384K)."""
COMPACT_DATE: Final = re.compile(r"(-)(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


class PriceBook:
    """One for a process."""

    def __init__(self, read: Callable[[str], dict[str, KnownProvider]] = price_data.read) -> None:
        """Read nothing yet. `read` returns a provider by its id, and those that it refers to."""
        self._read = read
        self._vendors: dict[str, dict[str, KnownProvider]] = {}
        self._found: dict[tuple[str, str], Tariff | None] = {}
        self.fault = ""
        """Why no prices are known, where their data cannot be read; else empty."""

    def find(self, kind: str, model: str) -> Tariff | None:
        """Return the tariff of a vendor's model by its name there; None where nobody knows.

        `kind` is that of the provider, such as `bedrock`. `.at(wall_us)` of it is the price.
        """
        key = (kind, model)
        if key in self._found:
            return self._found[key]
        found = self._look_up(kind, model)
        if len(self._found) >= MOST_NAMES:
            del self._found[next(iter(self._found))]
        self._found[key] = found
        return found

    def _look_up(self, kind: str, model: str) -> Tariff | None:
        vendor, name = _ids(kind, model.lower())
        if not vendor or len(name) > MOST_CHARACTERS:
            return None
        providers = self._vendors.get(vendor)
        if providers is None:
            providers = self._vendors[vendor] = self._bring(vendor)
        for spelled in dict.fromkeys((name, COMPACT_DATE.sub(_dashed, name))):
            for whose, provider in providers.items():
                for known in provider.models:
                    if known.match(spelled):
                        return _tariff(known, whose)
        return None

    def _bring(self, vendor: str) -> dict[str, KnownProvider]:
        try:
            return self._read(vendor)
        except price_data.Unreadable as error:
            self.fault = str(error)
            return {}


def _ids(kind: str, name: str) -> tuple[str, str]:
    """Return the id of genai-prices and the name there; ("", name) where there is none."""
    if kind == "huggingface":
        # `org/model:vendor`; without it Hugging Face chooses, so nobody knows.
        model, _, vendor = name.partition(":")
        return (f"huggingface_{vendor}" if vendor else "", model)
    if kind == "bedrock" and name.startswith("arn:"):
        # `arn:aws:bedrock:<region>:<account>:inference-profile/us.anthropic.claude-…`
        name = name.rpartition("/")[2]
    if kind == "gemini":
        name = name.removeprefix("models/")
    return VENDORS.get(kind, ""), name


def _dashed(found: re.Match[str]) -> str:
    """Write a date as `-2025-12-11`: some call `-20251211` what the data call so."""
    try:
        return f"-{date(int(found[2]), int(found[3]), int(found[4]))}"
    except ValueError:
        return found[0]


def _tariff(model: KnownModel, vendor: str) -> Tariff | None:
    standard = [(_span(each.when), _price(each.prices)) for each in model.prices]
    if not any(_is_counted(each.prices) for each in model.prices):
        return None
    longest = LONGER.get(vendor, LONGEST_ANSWER)
    return Tariff(
        standard,
        dict(_by_word(model)),
        automatic=vendor in AUTOMATIC,
        longest=min(longest, model.window or longest),
    )


def _is_counted(prices: Prices) -> bool:
    """Say whether it is a price of tokens or calls; one that says nothing at all is for free."""
    return not prices or not COUNTED.isdisjoint(prices)


def _by_word(model: KnownModel) -> Iterable[tuple[str, list[tuple[Span, Price]]]]:
    """Return the prices of calls with a service tier, by its name.

    A variant says what it changes of the standard price, so that both are looked at on each day
    on which one of them begins. Of no model do variants and times of the day come together.
    """
    told = [
        each for each in model.variants if len(each.words) == 1 and set(each.words) & set(WORDS)
    ]
    whens = [each.when for each in model.prices] + [each.when for each in told]
    if any(when.hours for when in whens):
        return
    days = sorted({0, *(when.day or 0 for when in whens)})
    for word in dict.fromkeys(value for each in told for value in each.words.values()):
        mine = [each for each in told if word in each.words.values()]
        spans = []
        for day in days:
            changed: dict[str, price_data.Tiers] = {}
            for each in mine:
                if (each.when.day or 0) <= day:
                    changed = {**each.prices, **changed}
            prices = {**_standard(model.prices, day), **changed}
            spans.append((_span(When(day=day)), _price(prices)))
        yield word, spans


def _standard(prices: Iterable[Conditional], day: int) -> Prices:
    going = [each.prices for each in prices]
    begun = [each.prices for each in prices if (each.when.day or 0) <= day]
    return begun[-1] if begun else going[0]


def _span(when: When) -> Span:
    first, last = when.hours or (None, None)
    return Span((when.day or 0) * DAY_US, first, last)


def _price(prices: Prices) -> Price:
    starts = sorted({start for tiers in prices.values() for start, _ in tiers.tiers})
    call = prices.get("requests_kcount")
    return Price(
        _rates(prices, -1),
        call=-(-call.base // 1000) if call else 0,
        tiers=[(start, _rates(prices, start)) for start in starts],
    )


def _rates(prices: Prices, start: int) -> Rates:
    """Return the rates of calls whose input is longer than `start`, and than no later tier's."""

    def rate(*keys: str) -> int | None:
        for key in keys:
            if key in prices:
                reached = [rate for first, rate in prices[key].tiers if first <= start]
                return reached[-1] if reached else prices[key].base
        return None

    return Rates(
        input=rate("input_mtok") or 0,
        output=rate("output_mtok") or 0,
        **{field: rate(*keys) for field, keys in FIELDS.items()},
    )
