"""What tokens cost: whole nano-USD (10**-9 of a US dollar), rounded once, up, at the end.

Rates are nano-USD per million tokens. A part costs what its own rate says and is then not counted
in what it is a part of: `cached` and `cache_write` of `input`, `reasoning` of `output`, sound and
images likewise. A provider's dearer rate for long prompts goes for all tokens of a call whose input
is longer than the tier's start, as genai-prices has it (`TieredPrices`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluicegate.llm.canonical import Usage
from sluicegate.model.price import nano_usd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sluicegate.model.price import Price as PriceConfig

MILLION: Final = 1_000_000
DAY_US: Final = 86_400_000_000
FOR_EVER_US: Final = 2**62


class Rates:
    """Nano-USD per million tokens of each sort. What is None costs as what it is a part of."""

    __slots__ = (
        "audio_input", "audio_output", "cache_write", "cache_write_1h", "cached", "image_input",
        "image_output", "input", "output", "reasoning",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 - one for each field of `Usage`
        self,
        *,
        input: int,  # noqa: A002 - the field's name everywhere
        output: int,
        cached: int | None = None,
        cache_write: int | None = None,
        cache_write_1h: int | None = None,
        reasoning: int | None = None,
        audio_input: int | None = None,
        audio_output: int | None = None,
        image_input: int | None = None,
        image_output: int | None = None,
    ) -> None:
        """Give each part its own rate or that of the whole."""
        self.input = input
        self.output = output
        self.cached = input if cached is None else cached
        self.cache_write = input if cache_write is None else cache_write
        self.cache_write_1h = self.cache_write if cache_write_1h is None else cache_write_1h
        self.reasoning = output if reasoning is None else reasoning
        self.audio_input = input if audio_input is None else audio_input
        self.audio_output = output if audio_output is None else audio_output
        self.image_input = input if image_input is None else image_input
        self.image_output = output if image_output is None else image_output


class _Dearest:
    """The dearest rates of calls whose input is longer than `start`."""

    __slots__ = ("hour", "made", "media", "read", "start", "written")

    def __init__(self, start: int, rates: Rates, below: _Dearest | None) -> None:
        self.start = start
        self.read = max(rates.input, rates.cached, rates.cache_write)
        self.hour = max(self.read, rates.cache_write_1h)
        self.media = max(rates.audio_input, rates.image_input)
        # Models that draw do so unasked (Gemini's); they speak only where a call says so.
        self.written = max(rates.output, rates.reasoning, rates.image_output)
        self.made = max(self.written, rates.audio_output)
        if below is not None:
            self.read = max(self.read, below.read)
            self.hour = max(self.hour, below.hour)
            self.media = max(self.media, below.media)
            self.written = max(self.written, below.written)
            self.made = max(self.made, below.made)

    def covers(self, other: _Dearest) -> bool:
        """Say whether nothing is dearer by `other`."""
        return (
            self.read >= other.read
            and self.hour >= other.hour
            and self.media >= other.media
            and self.written >= other.written
            and self.made >= other.made
        )


class Price:
    """What one model costs at one time."""

    __slots__ = ("_base", "_call", "_dearest", "_tiers")

    def __init__(
        self, base: Rates, *, call: int = 0, tiers: Sequence[tuple[int, Rates]] = ()
    ) -> None:
        """`call` in nano-USD; `tiers` are the input from which on, exclusively, and the rates."""
        self._base = base
        self._call = call
        self._tiers = sorted(tiers, key=lambda tier: tier[0])
        dearest = [_Dearest(-1, base, None)]
        for start, rates in self._tiers:
            dearest.append(_Dearest(start, rates, dearest[-1]))
        self._dearest = dearest

    def cost(self, usage: Usage) -> int:
        """Return what a usage costs, in nano-USD, rounded up."""
        rates = self._base
        for start, dearer in self._tiers:
            if usage.input > start:
                rates = dearer
        cached, written, hour = usage.cached, usage.cache_write, usage.cache_write_1h
        heard, seen = usage.audio_input, usage.image_input
        thought, said, drawn = usage.reasoning, usage.audio_output, usage.image_output
        read = usage.input - cached - written - heard - seen
        wrote = usage.output - thought - said - drawn
        if read < 0 or wrote < 0 or not 0 <= hour <= written or min(cached, thought) < 0:
            return self.cost(_sound(usage))
        nano = (
            read * rates.input
            + wrote * rates.output
            + cached * rates.cached
            + thought * rates.reasoning
        )
        if written:
            nano += (written - hour) * rates.cache_write + hour * rates.cache_write_1h
        if heard or seen or said or drawn:
            if min(heard, seen, said, drawn) < 0:
                return self.cost(_sound(usage))
            nano += heard * rates.audio_input + seen * rates.image_input
            nano += said * rates.audio_output + drawn * rates.image_output
        return self._call - (-nano // MILLION)

    def most(
        self, input_tokens: int, output_tokens: int, *, media: bool = True, hour: bool = True
    ) -> int:
        """Return what a call of so many tokens costs at most, whatever they turn out to be.

        `media`: it holds sound or images, or may be answered by sound; `hour`: some may be cached
        for an hour.
        """
        dearest = self._reached(input_tokens)
        read = dearest.hour if hour else dearest.read
        wrote = dearest.written
        if media:
            read, wrote = max(read, dearest.media), dearest.made
        return self._call - (-(input_tokens * read + output_tokens * wrote) // MILLION)

    def covers(self, other: Price) -> bool:
        """Say whether no call has a higher `most` by `other`."""
        starts = [each.start for each in (*self._dearest, *other._dearest)]
        return self._call >= other._call and all(
            self._reached(start + 1).covers(other._reached(start + 1)) for start in starts
        )

    def _reached(self, input_tokens: int) -> _Dearest:
        dearest = self._dearest[0]
        for dearer in self._dearest:
            if input_tokens > dearer.start:
                dearest = dearer
        return dearest


class Span:
    """When a price goes, in UTC: from an instant on, and at a time of the day, where one is given.

    A time of the day from 22:00 to 02:00 goes past midnight.
    """

    __slots__ = ("_day_from_us", "_day_to_us", "from_us")

    def __init__(
        self, from_us: int = 0, day_from_us: int | None = None, day_to_us: int | None = None
    ) -> None:
        """Microseconds: since 1970, and since midnight."""
        self.from_us = from_us
        self._day_from_us = day_from_us
        self._day_to_us = day_to_us

    def holds(self, now_us: int) -> bool:
        """Say whether an instant is in it."""
        first, last = self._day_from_us, self._day_to_us
        if now_us < self.from_us:
            return False
        if first is None or last is None:
            return True
        time_us = now_us % DAY_US
        if last < first:
            return time_us >= first or time_us < last
        return first <= time_us < last


class Tariff:
    """The prices of one model: the last one whose span holds goes, or else the first.

    `longest` is how many tokens its answers have at most, where that is known.
    """

    __slots__ = ("_automatic", "_by_tier", "_may", "_standard", "longest")

    def __init__(
        self,
        standard: Sequence[tuple[Span, Price]],
        by_tier: Mapping[str, Sequence[tuple[Span, Price]]] | None = None,
        *,
        automatic: bool = False,
        longest: int | None = None,
    ) -> None:
        """There is one standard price at least. `by_tier`: those of service tiers, by name.

        `automatic`: where a call names none of them, the vendor may choose any. Tiers and times of
        the day do not come together.
        """
        self._standard = list(standard)
        self._by_tier = {tier: list(prices) for tier, prices in (by_tier or {}).items()}
        self._automatic = automatic
        self._may: dict[str, tuple[int, int, list[Price]]] = {}
        self.longest = longest

    def at(self, now_us: int, tier: str = "") -> Price:
        """Return what goes at an instant, UTC microseconds since 1970.

        `tier` is the vendor's own word (`priority`, `flex`, `fast`); others are the standard one.
        """
        prices = self._by_tier.get(tier, self._standard) if tier else self._standard
        return _going(prices, now_us)

    def most(
        self,
        now_us: int,
        tier: str,
        input_tokens: int,
        output_tokens: int,
        *,
        media: bool = True,
        hour: bool = True,
    ) -> int:
        """Return what a call costs at most (see `Price.most`) by any price that it may get.

        Whoever asks for a tier may get the standard one, and by an `automatic` tariff whoever asks
        for none may get any.
        """
        if not self._by_tier:
            price = _going(self._standard, now_us)
            return price.most(input_tokens, output_tokens, media=media, hour=hour)
        most = 0
        for price in self._got(now_us, tier):
            most = max(most, price.most(input_tokens, output_tokens, media=media, hour=hour))
        return most

    def _got(self, now_us: int, tier: str) -> list[Price]:
        """Return the prices that a call may get, without those that others cover."""
        named = tier if tier in self._by_tier else ""
        since_us, until_us, got = self._may.get(named, (0, 0, []))
        if since_us <= now_us < until_us:
            return got
        lists = [self._standard]
        if named:
            lists.append(self._by_tier[named])
        elif self._automatic:
            lists += self._by_tier.values()
        got = []
        for price in (_going(prices, now_us) for prices in lists):
            if not any(each.covers(price) for each in got):
                got = [*(each for each in got if not price.covers(each)), price]
        starts = {span.from_us for prices in lists for span, _ in prices}
        since_us = max((start for start in starts if start <= now_us), default=0)
        until_us = min((start for start in starts if start > now_us), default=FOR_EVER_US)
        self._may[named] = (since_us, until_us, got)
        return got


def _going(prices: Sequence[tuple[Span, Price]], now_us: int) -> Price:
    if len(prices) > 1:
        for span, price in reversed(prices):
            if span.holds(now_us):
                return price
    return prices[0][1]


def configured(config: PriceConfig) -> Tariff:
    """Return the tariff that an operator has written."""
    rates = Rates(
        input=nano_usd(config.input),
        output=nano_usd(config.output),
        cached=_optional(config.cached),
        cache_write=_optional(config.cache_write),
        cache_write_1h=_optional(config.cache_write_1h),
        reasoning=_optional(config.reasoning),
        audio_input=_optional(config.audio_input),
        audio_output=_optional(config.audio_output),
        image_input=_optional(config.image_input),
        image_output=_optional(config.image_output),
    )
    return Tariff([(Span(), Price(rates, call=nano_usd(config.call)))])


def _optional(amount: str | float | None) -> int | None:
    return None if amount is None else nano_usd(amount)


def _sound(usage: Usage) -> Usage:
    """Return a usage whose parts do not exceed what they are parts of, nor overlap.

    Sound that is read from a cache is in `cached` and in `audio_input`: there it is cached.
    """
    whole, made = max(usage.input, 0), max(usage.output, 0)
    cached = _within(usage.cached, whole)
    written = _within(usage.cache_write, whole - cached)
    heard = _within(usage.audio_input, whole - cached - written)
    thought = _within(usage.reasoning, made)
    said = _within(usage.audio_output, made - thought)
    return Usage(
        input=whole,
        output=made,
        cached=cached,
        cache_write=written,
        cache_write_1h=_within(usage.cache_write_1h, written),
        reasoning=thought,
        audio_input=heard,
        audio_output=said,
        image_input=_within(usage.image_input, whole - cached - written - heard),
        image_output=_within(usage.image_output, made - thought - said),
    )


def _within(tokens: int, most: int) -> int:
    return max(0, min(tokens, most))
