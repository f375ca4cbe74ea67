"""What genai-prices knows, read from its data without loading the library.

Its data are one Python file, `genai_prices/data.py`: a list of providers, built by calls of its
types with plain keywords. Importing the library costs a worker 27 MB and 0.26 s, for it brings
pydantic and an HTTP client. Here the file's own (cached) code runs with types of ours in place of
theirs, of which only one provider's prices are kept: about 2 MB and 12 ms.
Source: genai-prices 0.2.3, `types.py` (what a clause, a constraint, a tier and a variant mean) and
`data_units.py` (what a price key counts).
"""

from __future__ import annotations

import builtins
import importlib.util
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import ROUND_CEILING, Decimal
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, Final, NamedTuple

from sluicegate.model.price import NANO

Match = Callable[[str], bool]

PACKAGE: Final = "genai_prices"
EPOCH: Final = 719_163
"""1970-01-01 as `date.toordinal` counts."""
DAY_US: Final = 86_400_000_000


class Unreadable(Exception):
    """The data are not there, or not as known."""


class Tiers(NamedTuple):
    """A rate, and what it becomes where the input is longer: (start, rate). Nano-USD."""

    base: int
    tiers: Sequence[tuple[int, int]]


Prices = Mapping[str, Tiers]
"""By price key, such as `input_mtok`: per million tokens; `requests_kcount`: per 1000 calls."""


class When(NamedTuple):
    """From a day on (since 1970), or at a time of the day (microseconds); None: not so."""

    day: int | None = None
    hours: tuple[int, int] | None = None


class Conditional(NamedTuple):
    """Prices that go at some time."""

    when: When
    prices: Prices


class Variant(NamedTuple):
    """Prices of those calls of which `words` is true, such as (`service_tier`, `flex`)."""

    words: Mapping[str, str]
    when: When
    prices: Prices


class KnownModel(NamedTuple):
    """A model and its names. The last of `prices` that goes counts, or else the first.

    `window`: tokens that it can hold in all, where that is known.
    """

    match: Match
    prices: Sequence[Conditional]
    variants: Sequence[Variant]
    window: int | None = None


class KnownProvider(NamedTuple):
    """A provider; where it has no model of a name, those of the `others` are asked."""

    models: Sequence[KnownModel]
    others: Sequence[str]


def read(wanted: str) -> dict[str, KnownProvider]:
    """Return a provider by its id, and the others that it refers to; {} where there is none.

    Raises Unreadable: the library is not there, or its data have words that nobody knows here.
    """
    try:
        providers = _run(_Words())
    except Exception as error:  # noqa: BLE001 - a file of another version may raise anything
        raise Unreadable(
            f"the prices of {PACKAGE} cannot be read: {type(error).__name__}"
        ) from None
    found = providers.get(wanted)
    if found is None:
        return {}
    return {wanted: found, **{name: providers[name] for name in found.others if name in providers}}


def _run(words: _Words) -> dict[str, KnownProvider]:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(PACKAGE)
    name, path = f"{PACKAGE}.data", Path(spec.submodule_search_locations[0]) / "data.py"
    code = SourceFileLoader(name, str(path)).get_code(name)
    stand_in = ModuleType(f"{PACKAGE}.types")
    vars(stand_in).update(words.all())

    def bring(name: str, *rest: Any) -> ModuleType:  # noqa: ANN401 - as `__import__` has it
        # Relative imports (the level is the fourth of `rest`) are of its types.
        return stand_in if len(rest) > 3 and rest[3] else __import__(name, *rest)  # noqa: PLR2004

    space = {"__name__": name, "__builtins__": {**vars(builtins), "__import__": bring}}
    exec(code, space)  # type: ignore[arg-type] # noqa: S102 - an installed dependency's own code
    return words.providers


class _Words:
    """The types of genai-prices by name, as functions of the same keywords."""

    def __init__(self) -> None:
        self.providers: dict[str, KnownProvider] = {}

    def all(self) -> dict[str, object]:
        ignored = ("UsageExtractor", "UsageExtractorMapping", "ArrayMatch")
        return {
            **dict.fromkeys(ignored, _nothing),
            "Provider": self._provider,
            "ModelInfo": _model,
            "ModelPrice": _prices,
            "TieredPrices": _tiers,
            "Tier": _tier,
            "ConditionalPrice": _conditional,
            "PriceVariant": _variant,
            "StartDateConstraint": _from_day,
            "TimeOfDateConstraint": _at_hours,
            "ClauseStartsWith": _starts,
            "ClauseEndsWith": _ends,
            "ClauseContains": _contains,
            "ClauseRegex": _regex,
            "ClauseEquals": _equals,
            "ClauseOr": _any_of,
            "ClauseAnd": _all_of,
        }

    def _provider(
        self,
        *,
        id: str,  # noqa: A002 - as the data have it
        models: Sequence[KnownModel] = (),
        fallback_model_providers: Sequence[str] | None = None,
        **_rest: object,
    ) -> None:
        self.providers[id] = KnownProvider(models, fallback_model_providers or ())


def _nothing(**_rest: object) -> None:
    return None


def _model(
    *,
    match: Match,
    prices: Prices | Sequence[Conditional],
    price_variants: Sequence[Variant] | None = None,
    context_window: int | None = None,
    **_rest: object,
) -> KnownModel:
    always = [Conditional(When(), prices)] if isinstance(prices, Mapping) else prices
    return KnownModel(match, always, price_variants or (), context_window)


def _prices(**rates: Decimal | Tiers | None) -> Prices:
    return {
        key: rate if isinstance(rate, Tiers) else Tiers(_nano(rate), ())
        for key, rate in rates.items()
        if rate is not None
    }


def _tiers(*, base: Decimal, tiers: Sequence[tuple[int, int]]) -> Tiers:
    return Tiers(_nano(base), tiers)


def _tier(*, start: int, price: Decimal) -> tuple[int, int]:
    return start, _nano(price)


def _nano(usd: Decimal) -> int:
    # Some prices are quotients with 18 decimals: rounded up to a nano-USD per million tokens.
    return int((usd * NANO).to_integral_value(ROUND_CEILING))


def _conditional(*, prices: Prices, constraint: When | None = None) -> Conditional:
    return Conditional(constraint or When(), prices)


def _variant(*, when: Mapping[str, str], prices: Prices, constraint: When | None = None) -> Variant:
    return Variant(when, constraint or When(), prices)


def _from_day(start_date: date) -> When:
    return When(day=start_date.toordinal() - EPOCH)


def _at_hours(start_time: time, end_time: time) -> When:
    return When(hours=(_time_us(start_time), _time_us(end_time)))


def _time_us(at: time) -> int:
    zone = at.tzinfo or UTC
    moment = datetime.combine(date.fromordinal(EPOCH), at, zone).astimezone(UTC)
    return (moment.hour * 3600 + moment.minute * 60 + moment.second) * 10**6 + moment.microsecond


def _starts(starts_with: str) -> Match:
    low = starts_with.lower()
    return lambda name: name.startswith(low)


def _ends(ends_with: str) -> Match:
    low = ends_with.lower()
    return lambda name: name.endswith(low)


def _contains(contains: str) -> Match:
    low = contains.lower()
    return lambda name: low in name


def _equals(equals: str) -> Match:
    low = equals.lower()
    return lambda name: name == low


def _regex(regex: str) -> Match:
    return lambda name: re.search(regex, name) is not None


def _any_of(or_: Sequence[Match]) -> Match:
    return lambda name: any(clause(name) for clause in or_)


def _all_of(and_: Sequence[Match]) -> Match:
    return lambda name: all(clause(name) for clause in and_)
