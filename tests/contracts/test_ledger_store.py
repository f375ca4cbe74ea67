"""What every store keeps of use and money, on SQLite and on a real PostgreSQL: one suite."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from msgspec.structs import astuple, replace

from sluicegate.errors import StoreAway
from sluicegate.model.ledger import Entry
from sluicegate.settings import Settings
from sluicegate.store.ledger import DIMENSIONS, UsageQuery, UsageRow
from sluicegate.store.ledger_rows import FIELDS
from support.effort import THOROUGH
from support.entries import DAY, HOUR, SECOND, Entries
from support.loops import run
from support.mock_clock import EPOCH_US, MockClock
from support.postgres import store_settings
from support.stores import opened

EVER = 2**52


def full(**changes: Any) -> Entry:
    """Return an entry in which no two fields say the same."""
    entry = Entry(
        id="w1", at_us=EPOCH_US, requests=3, consumer="c", team="t", key="k", plan="p", route="r",
        model="m", provider="pr", deployment="d", cost=2**50, input=11, output=12, cached=13,
        cache_write=14, cache_write_1h=15, reasoning=16, audio_input=17, audio_output=18,
        image_input=19, image_output=20, estimated=True, unsettled=False, from_cache=True,
        stream=False, status=503, failure="upstream-failed", attempts=2, endpoint="chat",
        asked="gpt", duration_us=21, first_token_us=22, bytes_in=23, bytes_out=24, region="eu",
        request_id="q",
    )  # fmt: skip
    return replace(entry, **changes)


# --- keeping -------------------------------------------------------------------------------------


def test_an_entry_is_read_back_as_it_was(settings: Settings) -> None:
    async def work() -> None:
        bare = Entry(id="w2", at_us=EPOCH_US - 1, cost=None)
        async with opened(settings) as store:
            assert await store.ledger.book([full(), bare]) == 2
            assert await store.ledger.entries(0, EVER, {}) == [full(), bare]

    run(work())


def test_what_is_booked_again_changes_nothing(settings: Settings) -> None:
    async def work() -> None:
        make = Entries()
        first, second, third = make(), make(), make()
        async with opened(settings) as store:
            assert await store.ledger.book([first, second]) == 2
            assert await store.ledger.book([first, replace(second, cost=7), third]) == 1
            assert await store.ledger.book([first]) == 0
            assert await store.ledger.book([]) == 0
            assert await store.ledger.spent({}, 0, EVER) == 3000

    run(work())


def test_an_exchange_is_one_entry_also_where_its_time_of_admission_differs(
    settings: Settings,
) -> None:
    async def work() -> None:
        entry = Entries()()
        async with opened(settings) as store:
            late = replace(entry, at_us=entry.at_us + 90 * SECOND)
            assert await store.ledger.book([entry]) == 1
            assert await store.ledger.book([late]) == 0
            assert await store.ledger.entries(0, EVER, {}) == [entry]

    run(work())


def test_of_two_entries_of_one_exchange_in_a_batch_the_first_stays(settings: Settings) -> None:
    async def work() -> None:
        entry = Entries()()
        async with opened(settings) as store:
            assert await store.ledger.book([entry, replace(entry, cost=5)]) == 1
            assert await store.ledger.spent({}, 0, EVER) == 1000

    run(work())


def test_those_who_book_the_same_at_once_keep_it_once(settings: Settings) -> None:
    async def work() -> None:
        make = Entries()
        batch = [make() for _ in range(50)]
        async with opened(settings) as one, opened(settings) as other:
            came = await asyncio.gather(*(s.ledger.book(batch) for s in (one, other, one)))
            assert sum(came) == 50
            assert len(await one.ledger.entries(0, EVER, {})) == 50

    run(work())


def test_what_a_caller_has_written_never_stands_in_the_way(settings: Settings) -> None:
    async def work() -> None:
        make = Entries()
        odd = [
            make(asked="a\0b"), make(asked="\ud800"), make(asked="x" * 100_000),
            make(consumer="\0", failure="\udfff"), make(input=2**63, output=-1, status=2**40),
            make(cost=2**64 - 1), make(at_us=-5), make(at_us=2**63 - 1),
        ]  # fmt: skip
        async with opened(settings) as store:
            assert await store.ledger.book(odd) == len(odd)
            assert await store.ledger.book([make()]) == 1
            found = await store.ledger.entries(0, EVER + 1, {})
            assert len(found) == len(odd) + 1
            assert {len(each.asked or "") for each in found} == {0, 1, 3, 500}

    run(work())


def test_a_batch_of_thousands_is_kept_at_once(settings: Settings) -> None:
    async def work() -> None:
        make = Entries()
        async with opened(settings) as store:
            assert await store.ledger.book([make() for _ in range(3000)]) == 3000
            assert await store.ledger.spent({}, 0, EVER) == 3_000_000

    run(work())


# --- money ---------------------------------------------------------------------------------------


def test_what_was_spent_is_of_the_period_and_of_whom_it_is_asked(settings: Settings) -> None:
    async def work() -> None:
        make = Entries()
        async with opened(settings) as store:
            await store.ledger.book([
                make(EPOCH_US - 1, consumer="a", cost=1),
                make(EPOCH_US, consumer="a", cost=2),
                make(EPOCH_US + DAY - 1, consumer="a", team="t", cost=4),
                make(EPOCH_US + DAY, consumer="a", cost=8),
                make(EPOCH_US, consumer="b", cost=16),
                make(EPOCH_US, cost=32),
                make(EPOCH_US, consumer="a", cost=None),
            ])  # fmt: skip
            asked: list[tuple[dict[str, str | None], int]] = [
                ({"consumer": "a"}, 6), ({"consumer": "b"}, 16), ({"consumer": None}, 32),
                ({"consumer": "a", "team": None}, 2), ({"consumer": "a", "team": "t"}, 4),
                ({"consumer": "c"}, 0), ({"consumer": "\0"}, 0), ({}, 54), ({"status": "200"}, 54),
                ({"status": "404"}, 0), ({"status": "many"}, 0), ({"stream": "false"}, 54),
                ({"stream": "true"}, 0), ({"stream": "?"}, 0),
            ]  # fmt: skip
            for where, spent in asked:
                assert await store.ledger.spent(where, EPOCH_US, EPOCH_US + DAY) == spent, where

    run(work())


def test_a_field_that_entries_do_not_have_is_refused(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            with pytest.raises(ValueError, match="no field `nonsense`"):
                await store.ledger.spent({"nonsense": "x"}, 0, EVER)
            with pytest.raises(ValueError, match="no dimension `cost`"):
                await store.ledger.usage(UsageQuery(0, EVER, by=("cost",)))  # type: ignore[arg-type]  # the point

    run(work())


# --- adding up -----------------------------------------------------------------------------------


def test_use_is_added_up_as_it_was_booked(settings: Settings) -> None:
    async def work() -> None:
        make = Entries()
        async with opened(settings) as store:
            await store.ledger.book([
                full(), make(consumer="c", input=1, output=2, unsettled=True),
                make(consumer="c", cost=None, status=400),
            ])  # fmt: skip
            [row] = await store.ledger.usage(UsageQuery(0, EVER, by=("consumer",)))
            assert row == UsageRow(
                values=("c",), requests=5, failed=4, cached_requests=3, estimated=3, unsettled=1,
                unpriced=1, input=12, output=14, cached=13, cache_write=14, reasoning=16,
                cost=2**50 + 1000, bytes_in=23, bytes_out=24,
            )  # fmt: skip

    run(work())


def test_months_days_and_hours_are_those_of_utc(settings: Settings) -> None:
    async def work() -> None:
        make = Entries()
        new_year = 1_798_761_600 * SECOND  # 2027-01-01
        async with opened(settings, MockClock()) as store:
            await store.ledger.book([make(new_year - 1), make(new_year), make(new_year + HOUR)])
            for by, values in (
                ("month", [("2026-12",), ("2027-01",)]),
                ("day", [("2026-12-31",), ("2027-01-01",)]),
                ("hour", [("2026-12-31T23:00Z",), ("2027-01-01T00:00Z",), ("2027-01-01T01:00Z",)]),
            ):
                rows = await store.ledger.usage(UsageQuery(0, EVER, by=(by,)))  # type: ignore[arg-type]  # literals
                assert [row.values for row in rows] == values

    run(work())


def test_where_nothing_was_used_there_are_no_rows(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            assert await store.ledger.usage(UsageQuery(0, EVER)) == []
            assert await store.ledger.usage(UsageQuery(0, EVER, by=("team", "day"))) == []
            assert await store.ledger.entries(0, EVER, {}) == []
            assert await store.ledger.spent({}, 0, EVER) == 0

    run(work())


def test_to_go_on_behind_what_is_no_row_is_refused(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            for by, after in (("day", ("x",)), ("status", ("x",)), ("team", ()), ("team", ("\0",))):
                query = UsageQuery(0, EVER, by=(by,), after=after)  # type: ignore[arg-type]  # literals
                with pytest.raises(ValueError, match=r"behind|written|format|int"):
                    await store.ledger.usage(query)

    run(work())


NAMES = st.sampled_from([None, "a", "b", "ä", "Z"])
MADE = st.lists(
    st.builds(
        dict,
        at_us=st.integers(0, 80).map(lambda n: EPOCH_US + n * 11 * HOUR),
        consumer=NAMES,
        team=NAMES,
        model=NAMES,
        cost=st.none() | st.integers(0, 10**12),
        input=st.integers(0, 10**6),
        output=st.integers(0, 10**6),
        status=st.sampled_from([0, 200, 404, 503]),
        failure=NAMES,
        requests=st.sampled_from([1, 1, 7]),
        estimated=st.booleans(),
        from_cache=st.booleans(),
        unsettled=st.booleans(),
    ),
    max_size=25,
)
BY = st.lists(st.sampled_from(DIMENSIONS), max_size=3, unique=True).map(tuple)


def value_of(entry: Entry, name: str) -> str | None:
    """Return the value of a dimension, by hand."""
    from datetime import UTC, datetime  # noqa: PLC0415 - of this oracle alone

    moment = datetime.fromtimestamp(entry.at_us // SECOND, UTC)
    forms = {"month": "%Y-%m", "day": "%Y-%m-%d", "hour": "%Y-%m-%dT%H:00Z"}
    if name in forms:
        return moment.strftime(forms[name])
    value = getattr(entry, name)
    return None if value is None else str(value)


def rows_of(entries: list[Entry], by: tuple[str, ...]) -> list[UsageRow]:
    """Add up by hand."""
    groups: dict[tuple[str | None, ...], list[Entry]] = {}
    for entry in entries:
        groups.setdefault(tuple(value_of(entry, name) for name in by), []).append(entry)

    def rank(values: tuple[str | None, ...]) -> list[tuple[bool, bytes]]:
        return [(text is not None, (text or "").encode()) for text in values]

    def requests(of: list[Entry], condition: Any) -> int:
        return sum(each.requests for each in of if condition(each))

    return [
        UsageRow(
            values, requests(of, bool),
            requests(of, lambda e: e.failure is not None or e.status >= 400),
            requests(of, lambda e: e.from_cache), requests(of, lambda e: e.estimated),
            requests(of, lambda e: e.unsettled), requests(of, lambda e: e.cost is None),
            *(sum(getattr(e, name) for e in of)
              for name in ("input", "output", "cached", "cache_write", "reasoning")),
            sum(e.cost or 0 for e in of), 0, 0,
        )
        for values, of in sorted(groups.items(), key=lambda item: rank(item[0]))
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_use_is_what_is_added_up_by_hand_page_by_page(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = request.getfixturevalue("postgres") if kind == "postgresql" else None

    @effort(max_examples=60 if THOROUGH else 8)
    @given(MADE, BY, NAMES, st.integers(1, 4), st.data())
    def check(
        made: list[dict[str, Any]], by: tuple[Any, ...], team: str | None, page: int, data: Any
    ) -> None:
        settings = Settings(data_dir=str(tmp_path_factory.mktemp("store")))
        if server is not None:
            settings = store_settings(server.database())
        since, until = (EPOCH_US + data.draw(st.integers(0, 40)) * DAY for _ in range(2))
        where: Mapping[str, str | None] = {"team": team} if data.draw(st.booleans()) else {}

        async def work() -> None:
            make = Entries()
            entries = [make(**fields) for fields in made]
            async with opened(settings) as store:
                await store.ledger.book(entries)
                held = [
                    each for each in entries
                    if since <= each.at_us < until and (not where or each.team == team)
                ]  # fmt: skip
                query = UsageQuery(since, until, by=by, where=where, limit=page)
                found: list[UsageRow] = []
                while more := await store.ledger.usage(query):
                    found += more
                    if not by:
                        break
                    query = replace(query, after=more[-1].values)
                assert found == rows_of(held, by)
                spent = await store.ledger.spent(where, since, until)
                assert spent == sum(each.cost or 0 for each in held)

        run(work())
        if server is not None:
            server.drop(settings.store.url.rpartition("/")[2])

    check()


# --- reading entries -----------------------------------------------------------------------------


def test_entries_come_newest_first_and_page_by_page(settings: Settings) -> None:
    async def work() -> None:
        make = Entries()
        made = [make(EPOCH_US + number // 3, team="t" if number % 2 else None)
                for number in range(20)]  # fmt: skip
        ordered = sorted(made, key=lambda each: (each.at_us, each.id), reverse=True)
        async with opened(settings) as store:
            await store.ledger.book(made)
            found: list[Entry] = []
            before: tuple[int, str] | None = None
            while more := await store.ledger.entries(0, EVER, {}, limit=3, before=before):
                found += more
                before = (more[-1].at_us, more[-1].id)
            assert found == ordered
            of_team = await store.ledger.entries(0, EVER, {"team": "t"})
            assert of_team == [each for each in ordered if each.team]
            assert await store.ledger.entries(0, EVER, {}, before=(EPOCH_US, "\0")) == []

    run(work())


def test_every_field_of_an_entry_is_kept() -> None:
    assert astuple(full()) == tuple(getattr(full(), name) for name in FIELDS)


# --- expiry --------------------------------------------------------------------------------------


def test_what_is_older_than_the_retention_goes_and_nothing_else(settings: Settings) -> None:
    async def work() -> None:
        make = Entries()
        times = [EPOCH_US + days * DAY for days in range(-100, 1, 10)]
        async with opened(settings) as store:
            await store.ledger.book([make(at_us) for at_us in times])
            assert await store.ledger.expire(times[0]) == 0
            assert await store.ledger.expire(times[7]) == 7
            left = await store.ledger.entries(0, EVER, {})
            assert [each.at_us for each in left] == times[:6:-1]
            assert await store.ledger.expire(times[7]) == 0

    run(work())


def test_a_month_that_has_gone_may_still_get_entries(settings: Settings) -> None:
    async def work() -> None:
        make = Entries()
        async with opened(settings) as store:
            await store.ledger.prepare(EPOCH_US)
            await store.ledger.book([make(EPOCH_US - 90 * DAY)])
            assert await store.ledger.expire(EPOCH_US) == 1
            assert await store.ledger.book([make(EPOCH_US - 90 * DAY)]) == 1
            assert await store.ledger.spent({}, 0, EVER) == 1000

    run(work())


def test_preparing_again_changes_nothing(settings: Settings) -> None:
    async def work() -> None:
        make = Entries()
        async with opened(settings) as store, opened(settings) as other:
            await store.ledger.book([make(EPOCH_US + 40 * DAY)])
            await asyncio.gather(*(s.ledger.prepare(EPOCH_US) for s in (store, other, store)))
            await store.ledger.prepare(EPOCH_US + 31 * DAY)
            assert len(await store.ledger.entries(0, EVER, {})) == 1

    run(work())


def test_a_store_that_is_closed_is_away(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await store.close()
            with pytest.raises(StoreAway):
                await store.ledger.book([Entries()()])
            with pytest.raises(StoreAway):
                await store.ledger.spent({}, 0, EVER)

    run(work())


def test_long_names_that_callers_wrote_are_one_by_their_first_characters(
    settings: Settings,
) -> None:
    async def work() -> None:
        make = Entries()
        async with opened(settings) as store:
            long = "é" * 200
            names = (long + "a", long + "b", "gpt", None)
            await store.ledger.book([make(asked=each, cost=1) for each in names])
            first = UsageQuery(0, 2**52, by=("asked",), limit=2)
            rows = await store.ledger.usage(first)
            assert [(row.values, row.requests) for row in rows] == [((None,), 1), (("gpt",), 1)]
            after = UsageQuery(0, 2**52, by=("asked",), after=("gpt",))
            rows = await store.ledger.usage(after)
            assert [(row.values, row.requests) for row in rows] == [((long,), 2)]

    run(work())
