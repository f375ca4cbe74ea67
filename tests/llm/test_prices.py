from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.canonical import Usage
from sluicegate.llm.prices import DAY_US, Price, Rates, Span, Tariff, configured
from sluicegate.model.price import Price as PriceConfig

CHEAP = Rates(input=1_000_000_000, output=4_000_000_000)
"""1 USD in, 4 USD out: 1 000 and 4 000 nano-USD a token."""
APART = Rates(
    input=1000, output=2000, cached=100, cache_write=1250, cache_write_1h=2000, reasoning=3000,
    audio_input=40_000, audio_output=80_000, image_input=5000, image_output=30_000,
)  # fmt: skip

tokens = st.integers(min_value=0, max_value=10**7)
rate = st.integers(min_value=0, max_value=10**12)
rates = st.builds(
    Rates,
    input=rate,
    output=rate,
    cached=st.none() | rate,
    cache_write=st.none() | rate,
    cache_write_1h=st.none() | rate,
    reasoning=st.none() | rate,
    audio_input=st.none() | rate,
    audio_output=st.none() | rate,
    image_input=st.none() | rate,
    image_output=st.none() | rate,
)
prices = st.builds(
    Price,
    rates,
    call=rate,
    tiers=st.lists(st.tuples(st.integers(min_value=0, max_value=10**6), rates), max_size=3),
)
anything = st.integers(min_value=-(10**6), max_value=10**7)
usages = st.builds(
    Usage,
    input=anything,
    output=anything,
    cached=anything,
    cache_write=anything,
    cache_write_1h=anything,
    reasoning=anything,
    audio_input=anything,
    audio_output=anything,
    image_input=anything,
    image_output=anything,
)


def test_a_token_costs_what_its_rate_says() -> None:
    assert Price(CHEAP).cost(Usage(input=1000, output=500)) == 1_000_000 + 2_000_000


def test_a_price_is_rounded_up_once_at_the_end() -> None:
    price = Price(Rates(input=1, output=1))

    assert price.cost(Usage()) == 0
    assert price.cost(Usage(input=1)) == 1
    assert price.cost(Usage(input=500_000, output=500_000)) == 1
    assert price.cost(Usage(input=500_001, output=500_000)) == 2


def test_a_part_is_not_paid_twice() -> None:
    million = Price(APART)

    assert million.cost(Usage(input=10**6, cached=10**6)) == 100
    assert million.cost(Usage(input=10**6, cache_write=10**6)) == 1250
    assert million.cost(Usage(input=10**6, cache_write=10**6, cache_write_1h=10**6)) == 2000
    assert million.cost(Usage(input=10**6, audio_input=10**6)) == 40_000
    assert million.cost(Usage(input=10**6, image_input=10**6)) == 5000
    assert million.cost(Usage(output=10**6, reasoning=10**6)) == 3000
    assert million.cost(Usage(output=10**6, audio_output=10**6)) == 80_000
    assert million.cost(Usage(output=10**6, image_output=10**6)) == 30_000


def test_a_part_without_a_price_costs_as_its_whole() -> None:
    price = Price(Rates(input=7, output=9, cache_write=8))
    all_in = Usage(input=4, cached=1, audio_input=1, image_input=1)
    all_out = Usage(output=3, reasoning=1, audio_output=1, image_output=1)

    assert price.cost(Usage(input=4 * 10**6)) == 28
    assert Price(Rates(input=7 * 10**6, output=0)).cost(all_in) == 28
    assert Price(Rates(input=0, output=9 * 10**6)).cost(all_out) == 27
    assert price.cost(Usage(input=10**6, cache_write=10**6, cache_write_1h=10**6)) == 8


def test_cached_sound_is_paid_as_cached() -> None:
    heard = Usage(input=10**6, cached=800_000, audio_input=10**6)

    assert Price(APART).cost(heard) == 80 + 8000


def test_a_call_costs_its_own_price_besides() -> None:
    assert Price(CHEAP, call=40_000_000).cost(Usage()) == 40_000_000
    assert Price(CHEAP, call=5).cost(Usage(input=1)) == 1005


def test_a_long_prompt_makes_all_its_tokens_dearer() -> None:
    long = Rates(input=2 * 10**6, output=6 * 10**6)
    price = Price(Rates(input=10**6, output=3 * 10**6), tiers=[(200_000, long)])

    assert price.cost(Usage(input=200_000, output=10)) == 200_030
    assert price.cost(Usage(input=200_001, output=10)) == 400_002 + 60


def test_tiers_may_come_in_any_order() -> None:
    tiers = [(20, Rates(input=3 * 10**6, output=0)), (10, Rates(input=2 * 10**6, output=0))]
    price = Price(Rates(input=10**6, output=0), tiers=tiers)

    assert [price.cost(Usage(input=count)) for count in (10, 11, 20, 21)] == [10, 22, 40, 63]


@given(prices, usages)
def test_whatever_a_provider_counts_the_cost_is_within_what_was_reserved(
    price: Price, usage: Usage
) -> None:
    incoming, outgoing = max(usage.input, 0), max(usage.output, 0)

    assert 0 <= price.cost(usage) <= price.most(incoming, outgoing)


@given(rates, tokens, tokens, st.data())
def test_parts_that_add_up_cost_their_exact_sum(
    of: Rates, incoming: int, outgoing: int, data: st.DataObject
) -> None:
    cached, written, heard, seen = _share(incoming, data)
    thought, said, drawn, _ = _share(outgoing, data)
    hour = data.draw(st.integers(min_value=0, max_value=written))
    usage = Usage(
        input=incoming, output=outgoing, cached=cached, cache_write=written, cache_write_1h=hour,
        audio_input=heard, image_input=seen, reasoning=thought, audio_output=said,
        image_output=drawn,
    )  # fmt: skip

    exact = Fraction(
        (incoming - cached - written - heard - seen) * of.input
        + cached * of.cached
        + (written - hour) * of.cache_write
        + hour * of.cache_write_1h
        + heard * of.audio_input
        + seen * of.image_input
        + (outgoing - thought - said - drawn) * of.output
        + thought * of.reasoning
        + said * of.audio_output
        + drawn * of.image_output,
        10**6,
    )

    assert 0 <= Price(of).cost(usage) - exact < 1


@given(prices, tokens, tokens)
def test_a_bound_that_knows_more_is_no_higher(price: Price, incoming: int, outgoing: int) -> None:
    known = price.most(incoming, outgoing, media=False, hour=False)

    assert known <= price.most(incoming, outgoing)
    assert price.cost(Usage(input=incoming, output=outgoing)) <= known


def test_a_price_goes_from_its_day_on() -> None:
    old, new = Price(Rates(input=1, output=1)), Price(Rates(input=2, output=2))
    tariff = Tariff([(Span(), old), (Span(10 * DAY_US), new)])

    assert tariff.at(10 * DAY_US - 1) is old
    assert tariff.at(10 * DAY_US) is new


def test_a_price_may_go_at_a_time_of_the_day() -> None:
    day, night = Price(Rates(input=2, output=2)), Price(Rates(input=1, output=1))
    hour = DAY_US // 24
    tariff = Tariff([(Span(), day), (Span(0, 22 * hour, 6 * hour), night)])
    midnight = 20_000 * DAY_US

    assert tariff.at(midnight + 5 * hour) is night
    assert tariff.at(midnight + 6 * hour) is day
    assert tariff.at(midnight + 22 * hour - 1) is day
    assert tariff.at(midnight + 23 * hour) is night
    noon = Tariff([(Span(), day), (Span(0, 11 * hour, 13 * hour), night)])
    assert noon.at(midnight + 12 * hour) is night
    assert noon.at(midnight + 13 * hour) is day


def test_where_no_span_holds_the_first_price_goes() -> None:
    first = Price(Rates(input=1, output=1))

    assert Tariff([(Span(50), first), (Span(60), Price(CHEAP))]).at(0) is first


def test_a_service_tier_has_prices_of_its_own_and_unknown_ones_the_standard() -> None:
    standard, flex = Price(CHEAP), Price(APART)
    tariff = Tariff([(Span(), standard)], {"flex": [(Span(), flex)]})

    assert tariff.at(0, "flex") is flex
    assert tariff.at(0, "default") is standard
    assert tariff.at(0) is standard


FLAT = Price(Rates(input=10**6, output=10**6))
DOUBLE = Price(Rates(input=2 * 10**6, output=2 * 10**6))
LONG = Price(FLAT._base, tiers=[(100, Rates(input=9 * 10**6, output=9 * 10**6))])


def test_who_asks_for_a_tier_may_get_the_standard_one_and_reserves_for_the_dearer() -> None:
    tariff = Tariff([(Span(), DOUBLE)], {"flex": [(Span(), FLAT)], "fast": [(Span(), LONG)]})

    assert tariff.most(0, "flex", 10, 10) == 40
    assert tariff.most(0, "fast", 10, 10) == 40
    assert tariff.most(0, "fast", 101, 10) == 999
    assert tariff.most(0, "", 101, 10) == 222


def test_where_the_vendor_chooses_who_asks_for_none_may_get_any() -> None:
    tariff = Tariff([(Span(), FLAT)], {"priority": [(Span(), DOUBLE)]}, automatic=True)

    assert tariff.most(0, "", 10, 10) == tariff.most(0, "scale", 10, 10) == 40
    assert Tariff([(Span(), FLAT)], automatic=True).most(0, "", 10, 10) == 20


def test_what_may_be_got_changes_on_the_day_on_which_a_price_does() -> None:
    tiers = {"fast": [(Span(), FLAT), (Span(DAY_US), DOUBLE)]}
    tariff = Tariff([(Span(), FLAT)], tiers, automatic=True)

    assert [tariff.most(at, "", 5, 5) for at in (DAY_US - 1, DAY_US, DAY_US - 1)] == [10, 20, 10]


@given(one=prices, other=prices, incoming=tokens, outgoing=tokens, media=..., hour=...)
def test_a_price_that_covers_another_is_never_the_cheaper(
    *, one: Price, other: Price, incoming: int, outgoing: int, media: bool, hour: bool
) -> None:
    mine, theirs = (each.most(incoming, outgoing, media=media, hour=hour) for each in (one, other))

    assert one.covers(one)
    assert mine >= theirs or not one.covers(other)


@given(
    known=st.dictionaries(st.sampled_from(["", "flex", "fast", "priority"]), prices, min_size=1),
    asked=st.sampled_from(["", "flex", "fast", "auto"]),
    automatic=...,
    incoming=tokens,
    outgoing=tokens,
)
def test_what_is_reserved_is_the_dearest_of_what_may_be_got(
    *, known: dict[str, Price], asked: str, automatic: bool, incoming: int, outgoing: int
) -> None:
    standard = known.pop("", FLAT)
    by_tier = {tier: [(Span(), price)] for tier, price in known.items()}
    tariff = Tariff([(Span(), standard)], by_tier, automatic=automatic)
    may = [standard]
    if asked in known:
        may.append(known[asked])
    elif automatic:
        may += known.values()

    assert tariff.most(0, asked, incoming, outgoing) == max(
        each.most(incoming, outgoing) for each in may
    )


def test_models_that_draw_do_so_unasked() -> None:
    assert Price(APART).most(0, 10**6, media=False) == 30_000
    assert Price(APART).most(0, 10**6) == 80_000


def test_what_is_configured_is_what_is_paid() -> None:
    config = PriceConfig(
        input="0.15", output=0.6, cached="0.075", cache_write="0.2", cache_write_1h="0.3",
        reasoning="0.7", audio_input=10, audio_output=20, image_input="1.5", image_output=3,
        call="0.04",
    )  # fmt: skip
    price = configured(config).at(0)
    usage = Usage(
        input=10, output=10, cached=1, cache_write=2, cache_write_1h=1, audio_input=1,
        image_input=1, reasoning=1, audio_output=1, image_output=1,
    )  # fmt: skip

    incoming = 5 * 150 + 75 + 200 + 300 + 10_000 + 1500
    outgoing = 7 * 600 + 700 + 20_000 + 3000
    assert price.cost(usage) == 40_000_000 + incoming + outgoing


def _share(whole: int, data: st.DataObject) -> list[int]:
    """Return four numbers that together are the whole at most."""
    cuts = sorted(data.draw(st.integers(min_value=0, max_value=whole)) for _ in range(4))
    return [later - earlier for earlier, later in zip([0, *cuts], cuts, strict=False)]
