"""What every store keeps, on SQLite and on a real PostgreSQL: the same suite on both."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sluicegate.errors import StoreAway
from sluicegate.settings import Settings
from sluicegate.store.contract import (
    ABSENT,
    AHEAD_S,
    Answer,
    Arrivals,
    Author,
    Change,
    ClockBehind,
    DataKey,
    Grounds,
    KeyRow,
    Moved,
    ReplicaRow,
    Revision,
    Revoked,
    Stale,
    Store,
)
from sluicegate.store.uuid7 import Uuid7
from support.loops import run
from support.mock_clock import EPOCH_US, MockClock
from support.stores import ANN, change, load, made, many_keys, opened, write

NOW = (EPOCH_US // 1000) << 16
"""The stamp of what is written first while a MockClock stands where it starts."""
DAY_S = 86_400


def names(found: list[Revision]) -> list[str]:
    return [revision.name for revision in found]


def spec_of(revision: Revision | None) -> bytes | None:
    assert revision is not None
    return revision.content


# --- revisions -----------------------------------------------------------------------------------


def test_what_is_written_is_read_back_everywhere(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings, region="eu-1") as store:
            asked = change("consumer", "shop", {"team": "web", "plan": "gold"})
            [wrote] = await store.write([asked], Author("ann", "10.0.0.7", "patch"))
            assert wrote == Revision(
                id=wrote.id, kind="consumer", name="shop", stamp=NOW, region="eu-1",
                content=b'{"plan":"gold","team":"web"}', owner="web", plan="gold", actor="ann",
                via="10.0.0.7", action="patch", at_us=EPOCH_US,
            )  # fmt: skip
            assert await store.head("consumer", "shop") == wrote
            assert await store.revision(wrote.id) == wrote
            assert await store.history("consumer", "shop") == [wrote]
            assert await store.audit() == [wrote]
            assert await store.listing("consumer") == [wrote]
            assert await store.current(["consumer", "team"]) == Arrivals([wrote], 1)
            [arrived] = (await store.arrivals(0)).revisions
            assert arrived.arrival == 1
            assert arrived.id == wrote.id
            assert arrived.content == wrote.content

    run(work())


def test_what_was_never_written_is_not_there(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await write(store, change("route", "users", {}))
            assert await store.head("route", "other") is None
            assert await store.head("service", "users") is None
            assert await store.history("route", "other") == []
            assert await store.listing("service") == []
            assert (await store.current(["service"])).revisions == []
            assert await store.key("sg_local_aaaaaaaa") is None
            assert await store.revision(Uuid7().make(EPOCH_US)) is None

    run(work())


def test_an_empty_store_has_no_arrivals(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            assert await store.current(["route"]) == Arrivals([], 0)
            assert await store.arrivals(0) == Arrivals([], 0)
            assert await store.write([], ANN) == []

    run(work())


def test_the_newest_revision_of_a_name_wins_and_none_is_lost(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            wrote = [(await write(store, change("plan", "p", {"n": n})))[0] for n in range(5)]
            assert [revision.stamp for revision in wrote] == [NOW + n for n in range(5)]
            assert await store.head("plan", "p") == wrote[-1]
            assert (await store.current(["plan"])).revisions == wrote[-1:]
            assert await store.listing("plan") == wrote[-1:]
            assert await store.history("plan", "p") == wrote[::-1]
            assert await store.history("plan", "p", limit=2) == wrote[:2:-1]
            assert await store.history("plan", "p", before=wrote[3].id) == wrote[2::-1]
            assert await store.history("plan", "p", before=wrote[3].id.upper(), limit=1) == [
                wrote[2]
            ]

    run(work())


def test_the_greatest_stamp_wins_in_whatever_order_revisions_arrive(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await write(store, change("route", "r", {"here": True}))
            await load(settings, [made("route", "r", {"late": True}, stamp=NOW - 1)])
            assert spec_of(await store.head("route", "r")) == b'{"here":true}'
            await load(settings, [made("route", "r", {"far": True}, stamp=NOW + 5)])
            assert spec_of(await store.head("route", "r")) == b'{"far":true}'
            [after] = await write(store, change("route", "r", {"here": 2}))
            assert after.stamp == NOW + 6
            assert [r.revisions[-1].arrival for r in [await store.arrivals(0)]] == [4]

    run(work())


def test_of_two_revisions_with_one_stamp_the_greater_id_wins(settings: Settings) -> None:
    async def work() -> None:
        ids = Uuid7()
        first, second = ids.make(EPOCH_US), ids.make(EPOCH_US)
        async with opened(settings) as store:
            one = made("route", "r", {"n": 1}, stamp=NOW, id=second)
            other = made("route", "r", {"n": 2}, stamp=NOW, id=first)
            await load(settings, [one, other])
            assert await store.head("route", "r") == one
            assert (await store.current(["route"])).revisions == [one]
            assert await store.history("route", "r", before=second) == [other]

    run(work())


def test_what_is_deleted_leaves_a_tombstone_and_can_be_made_again(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await write(store, change("consumer", "c", {"team": "t", "plan": "p"}))
            asked = Change("consumer", "c", None, owner="t", plan="p")
            [gone] = await store.write([asked], ANN)
            assert (gone.content, gone.owner, gone.plan) == (None, None, None)
            assert await store.head("consumer", "c") == gone
            assert (await store.current(["consumer"])).revisions == []
            assert await store.listing("consumer", owners=["t"]) == []
            assert await store.listing("consumer") == []
            assert (await store.arrivals(1)).revisions[0].content is None
            [back] = await write(store, change("consumer", "c", {}, ABSENT))
            assert await store.listing("consumer") == [back]

    run(work())


@pytest.mark.parametrize("kind", ["key", "token"])
def test_a_revoked_key_stays_revoked_whatever_arrives(settings: Settings, kind: str) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await write(store, change(kind, "k", {}))
            [gone] = await write(store, change(kind, "k", None))
            for again in ({}, None):
                with pytest.raises(Revoked, match=f"{kind} k is revoked"):
                    await write(store, change(kind, "k", again))
            await load(settings, [made(kind, "k", {"again": True}, stamp=NOW + 9)])
            assert await store.head(kind, "k") == gone
            assert await store.listing(kind) == []
            assert (await store.current([kind])).revisions == []
            assert await store.key("k") is None
            with pytest.raises(Revoked):
                await write(store, change(kind, "k", {}))
            assert len(await store.history(kind, "k")) == 3

    run(work())


# --- writing -------------------------------------------------------------------------------------


def test_all_changes_are_written_or_none(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            [there] = await write(store, change("plan", "p", {}))
            wrong = change("plan", "p", {"n": 1}, ABSENT)
            with pytest.raises(Stale) as refused:
                await write(store, change("service", "s", {}), wrong, change("team", "t", {}))
            assert refused.value.change == wrong
            assert refused.value.newest == there
            assert await store.head("service", "s") is None
            assert (await store.arrivals(0)).last == 1

    run(work())


def test_changes_are_written_and_arrive_in_their_order(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            asked = [change("route", f"r{n}", {"n": n}) for n in (3, 1, 2)]
            wrote = await store.write([*asked, change("route", "r1", {"n": 9})], ANN)
            assert names(wrote) == ["r3", "r1", "r2", "r1"]
            assert wrote[3].stamp == wrote[1].stamp + 1
            found = await store.arrivals(0)
            assert [revision.id for revision in found.revisions] == [each.id for each in wrote]
            assert [revision.arrival for revision in found.revisions] == [1, 2, 3, 4]

    run(work())


def test_only_the_revision_that_was_expected_is_replaced(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            [first] = await write(store, change("route", "r", {"n": 1}, ABSENT))
            [second] = await write(store, change("route", "r", {"n": 2}, first.id))
            for expected in (first.id, ABSENT, "", "x"):
                with pytest.raises(Stale) as refused:
                    await write(store, change("route", "r", {"n": 3}, expected))
                assert refused.value.newest == second
            with pytest.raises(Stale) as never:
                await write(store, change("route", "other", {}, first.id))
            assert never.value.newest is None
            [gone] = await write(store, change("route", "r", None, second.id))
            await write(store, change("route", "r", {"n": 4}, gone.id))

    run(work())


def test_of_many_who_replace_the_same_revision_one_wins(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as one, opened(settings) as other:
            [first] = await write(one, change("route", "r", {}))
            asked = [change("route", "r", {"by": n}, first.id) for n in range(12)]
            tried = [write((one, other)[n % 2], each) for n, each in enumerate(asked)]
            ended = await asyncio.gather(*tried, return_exceptions=True)
            wins = [each for each in ended if isinstance(each, list)]
            assert len(wins) == 1
            assert sum(isinstance(each, Stale) for each in ended) == 11
            assert await other.history("route", "r") == [*wins[0], first]

    run(work())


def test_writers_who_do_not_look_all_write_and_their_stamps_grow(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as one, opened(settings) as other:
            tried = [
                write((one, other)[n % 2], change("plan", f"p{n % 3}", {"n": n})) for n in range(24)
            ]
            wrote = [each for made_ in await asyncio.gather(*tried) for each in made_]
            for name in ("p0", "p1", "p2"):
                found = await one.history("plan", name)
                assert [each.stamp for each in found] == [NOW + n for n in range(7, -1, -1)]
                assert {each.id for each in found} == {e.id for e in wrote if e.name == name}

    run(work())


def test_names_are_locked_in_one_order_so_that_nobody_waits_for_ever(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as one, opened(settings) as other:
            asked = [change("route", f"r{n}", {}) for n in range(10)]
            tried = [
                (one, other)[n % 2].write(asked[:: 1 if n % 4 < 2 else -1], ANN) for n in range(12)
            ]
            for wrote in await asyncio.gather(*tried):
                assert len(wrote) == 10
            assert len(await one.history("route", "r0", limit=50)) == 12

    run(work())


def test_a_large_change_and_small_ones_go_side_by_side(settings: Settings) -> None:
    async def work() -> None:
        many = [change("route", f"r{n:04}", {}) for n in range(1200)]
        async with opened(settings) as one, opened(settings) as other:
            large = one.write(many, ANN)
            small = [write(other, change("route", f"r{n:04}", {"n": n})) for n in range(5)]
            wrote, *_ = await asyncio.gather(large, *small)
            assert len(wrote) == 1200
            assert len((await one.current(["route"])).revisions) == 1200
            assert len(await one.history("route", "r0003")) == 2
            again = await one.write(many, ANN)  # all heads are looked up
            assert all(late.stamp > early.stamp for late, early in zip(again, wrote, strict=True))

    run(work())


def test_nothing_is_written_over_configuration_that_came_since_it_was_looked_at(
    settings: Settings,
) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await write(store, change("service", "s", {}))
            looked_at = (await store.current(["service"])).last
            await write(store, change("key", "k", {"consumer": "c"}), change("consumer", "c", {}))
            route = [change("route", "r", {"service": "s"})]
            await store.write(route, ANN, looked_at=looked_at)
            with pytest.raises(Moved):
                await store.write(route, ANN, looked_at=looked_at)
            assert len(await store.history("route", "r")) == 1
            with pytest.raises(Moved):  # of a database that has known more than this one
                await store.write(route, ANN, looked_at=looked_at + 99)
            await store.write(route, ANN, looked_at=(await store.arrivals(0)).last)

    run(work())


def test_nothing_is_written_upon_grounds_that_have_gone_and_only_those_count(
    settings: Settings,
) -> None:
    async def work() -> None:
        key = {"consumer": "c", "plan": "p"}
        arriving = {
            "names": [change("consumer", "c", {"team": "t"}), change("consumer", "c", None)],
            "owners": [change("key", "new", key), change("key", "new", {"consumer": "c"})],
            "plans": [change("key", "k", key), change("key", "other", {**key, "consumer": "x"})],
        }
        pairs = {"names": ("consumer", "c"), "owners": ("key", "c"), "plans": ("key", "p")}
        asked = [change("route", "r", {})]
        async with opened(settings) as store:
            for field, came in arriving.items():
                for each in came:
                    at = (await store.current(())).last
                    resting: dict[str, Any] = {field: frozenset({pairs[field], ("token", "t")})}
                    await write(store, each)
                    with pytest.raises(Moved):
                        await store.write(asked, ANN, grounds=Grounds(at, **resting))
                    assert await store.head("route", "r") is None
            at = (await store.current(())).last
            resting = {field: frozenset({pair}) for field, pair in pairs.items()}
            others = (
                change("consumer", "d", {"team": "c"}), change("token", "c", {"team": "c"}),
                change("key", "c", {"consumer": "d"}), change("team", "c", {"plan": "p"}),
            )  # fmt: skip
            await write(store, *others)
            await store.write(asked, ANN, grounds=Grounds(at, **resting))
            with pytest.raises(Moved):  # of a database that has known more than this one
                await store.write(asked, ANN, grounds=Grounds(at + 99))
            assert len(await store.history("route", "r")) == 1

    run(work())


def test_of_two_who_rest_on_each_other_one_writes(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as one, opened(settings) as other:
            for turn in range(6):
                [consumer] = await write(one, change("consumer", "c", {}))
                at = (await one.current(())).last
                key = change("key", f"k{turn}", {"consumer": "c"})
                gone = change("consumer", "c", None, consumer.id)
                rests = Grounds(at, names=frozenset({("consumer", "c")}))
                empty = Grounds(at, owners=frozenset({("key", "c")}))
                tried = [
                    one.write([key], ANN, grounds=rests),
                    other.write([gone], ANN, grounds=empty),
                ][:: 1 if turn % 2 else -1]
                ended = await asyncio.gather(*tried, return_exceptions=True)
                assert sum(isinstance(each, list) for each in ended) == 1
                assert sum(isinstance(each, Moved) for each in ended) == 1

    run(work())


def test_of_many_who_looked_at_the_same_configuration_one_writes(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as one, opened(settings) as other:
            tried = [
                (one, other)[n % 2].write([change("route", f"r{n}", {})], ANN, looked_at=0)
                for n in range(8)
            ]
            ended = await asyncio.gather(*tried, return_exceptions=True)
            assert sum(isinstance(each, Moved) for each in ended) == 7
            assert len((await one.current(["route"])).revisions) == 1

    run(work())


def test_a_writer_whose_clock_is_behind_still_writes_the_newest(settings: Settings) -> None:
    async def work() -> None:
        behind = MockClock(EPOCH_US - (AHEAD_S - 1) * 1_000_000)
        async with opened(settings) as one, opened(settings, behind) as other:
            await write(one, change("route", "r", {"n": 1}))
            [last] = await write(other, change("route", "r", {"n": 2}))
            assert last.stamp == NOW + 1
            assert last.at_us == behind.wall_us()
            assert await one.head("route", "r") == last

    run(work())


def test_a_writer_whose_clock_is_a_minute_behind_writes_nothing(settings: Settings) -> None:
    async def work() -> None:
        behind = MockClock(EPOCH_US - (AHEAD_S + 1) * 1_000_000)
        async with opened(settings) as one, opened(settings, behind) as other:
            [there] = await write(one, change("route", "r", {"n": 1}))
            with pytest.raises(ClockBehind, match="61 s ahead"):
                await write(other, change("plan", "p", {}), change("route", "r", {"n": 2}))
            assert await one.head("route", "r") == there
            assert await one.head("plan", "p") is None

    run(work())


def test_a_cancelled_write_is_there_as_a_whole_or_not_at_all(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            for turns in range(0, 60, 4):
                asked = [change("route", f"{turns}-{n}", {}) for n in range(3)]
                writing = asyncio.ensure_future(store.write(asked, ANN))
                for _ in range(turns):
                    await asyncio.sleep(0.0002)
                writing.cancel()
                await asyncio.wait([writing])
                found = await store.listing("route", prefix=f"{turns}-")
                assert len(found) in {0, 3}
            await write(store, change("route", "last", {}))  # no lock was left behind
            assert await store.head("route", "last")

    run(work())


# --- what a name may hold ------------------------------------------------------------------------

ODD = [
    "'; DROP TABLE revisions; --", '" OR 1=1', "%", "_", "\\", "a/b:c@d+e", "ä", "\u65e5\u672c",
    "\U0001f600", "\ufeff", " ", "a\nb", "$1", ":name", "?", "{}", "[1]", "null", "\U0010ffff",
]  # fmt: skip


def test_names_are_data_and_never_sql(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await store.write([change("key", each, {"consumer": each}) for each in ODD], ANN)
            await store.write([change("consumer", each, {"team": each}) for each in ODD], ANN)
            assert names(await store.listing("key")) == sorted(ODD, key=str.encode)
            for each in ODD:
                assert await store.head("key", each)
                assert names(await store.listing("key", owners=[each])) == [each]
                assert names(await store.listing("key", prefix=each)) == [each]
                found = await store.key(each)
                assert found is not None
                assert found.consumer is not None
            await store.used(dict.fromkeys(ODD, 7))
            assert await store.last_used(ODD) == dict.fromkeys(ODD, 7)

    run(work())


def test_a_text_that_cannot_be_kept_is_not_found_nor_written(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await write(store, change("key", "a", {"consumer": "c"}))
            await store.used({"a": 1})
            for text in ("\0", "a\0b", "\ud800"):
                await nobody_finds(store, text)

    async def nobody_finds(store: Store, text: str) -> None:
        assert await store.head("key", text) is None
        assert await store.key(text) is None
        assert await store.history("key", text) == []
        assert await store.listing("key", prefix=text) == []
        assert await store.listing("key", owners=[text]) == []
        assert await store.listing("key", plan=text) == []
        assert await store.audit(actor=text) == []
        assert await store.remembered(text, "k") is None
        assert await store.last_used([text, "a"]) == {"a": 1}
        assert len(await store.listing("key", owners=[text, "c"])) == 1
        with pytest.raises(ValueError, match="no character"):
            await write(store, change("key", text, {}))

    run(work())


def test_what_is_no_id_names_no_revision(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await write(store, change("key", "a", {}))
            for text in ("x", "' OR 1=1", "0", "\0", "{}", "1" * 32, "g" * 36):
                assert await store.revision(text) is None
                assert await store.history("key", "a", before=text) == []
                assert await store.audit(before=text) == []

    run(work())


# --- listing -------------------------------------------------------------------------------------


async def pages(store: Store, kind: str, limit: int, **asked: Any) -> list[list[str]]:
    found: list[list[str]] = []
    after = ""
    while page := await store.listing(kind, after=after, limit=limit, **asked):
        found.append(names(page))
        after = page[-1].name
    return found


def test_a_listing_is_cut_in_pages_by_name(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await store.write([change("route", f"r{n}", {}) for n in range(7)], ANN)
            await store.write([change("route", f"r{n}", None) for n in (0, 4)], ANN)
            await store.write([change("route", f"r{n}", {"n": 2}) for n in (1, 6)], ANN)
            assert await pages(store, "route", 2) == [["r1", "r2"], ["r3", "r5"], ["r6"]]
            assert names(await store.listing("route", after="r2a", limit=1)) == ["r3"]

    run(work())


def test_a_listing_by_prefix_is_exact(settings: Settings) -> None:
    async def work() -> None:
        there = ["a", "a%", "aB", "a_", "aa", "ab", "aba", "abz", "ac", "a\U0010ffff", "b", "ä"]
        async with opened(settings) as store:
            await store.write([change("consumer", each, {}) for each in there], ANN)
            for prefix in [*there, "", "a\U0010ffff", "c", "A"]:
                found = names(await store.listing("consumer", prefix=prefix))
                assert found == sorted(each for each in there if each.startswith(prefix))
            assert await pages(store, "consumer", 2, prefix="ab") == [["ab", "aba"], ["abz"]]

    run(work())


def test_a_listing_by_owner_and_plan_goes_by_the_newest_revision(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            for consumer, plan in (("x", "gold"), ("y", None), ("x", None)):
                name = f"{consumer}-{plan}"
                await write(store, change("key", name, {"consumer": consumer, "plan": plan}))
            await write(store, change("key", "moved", {"consumer": "x", "plan": "gold"}))
            await write(store, change("key", "moved", {"consumer": "y", "plan": "free"}))
            assert names(await store.listing("key", owners=["x"])) == ["x-None", "x-gold"]
            assert names(await store.listing("key", owners=["y"])) == ["moved", "y-None"]
            assert len(await store.listing("key", owners=["x", "y", "x", "z"])) == 4
            assert await store.listing("key", owners=[]) == []
            assert names(await store.listing("key", plan="gold")) == ["x-gold"]
            assert names(await store.listing("key", plan="free", owners=["y"])) == ["moved"]
            assert await store.listing("key", plan="free", owners=["x"]) == []
            assert len(await store.listing("key", owners=[f"o{n}" for n in range(40_000)])) == 0

    run(work())


# --- looking up a key ----------------------------------------------------------------------------


def test_a_key_comes_with_its_consumer_and_team(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await write(store, change("team", "t", {"old": 1}), change("consumer", "c", {}))
            await write(store, change("team", "t", {"plan": "p"}))
            await write(store, change("consumer", "c", {"team": "t"}))
            [key] = await write(store, change("key", "k", {"consumer": "c"}))
            found = await store.key("k")
            assert found == KeyRow(
                name="k", stamp=key.stamp, key=b'{"consumer":"c"}', consumer_name="c",
                consumer=b'{"team":"t"}', team=b'{"plan":"p"}',
            )  # fmt: skip
            for kind, missing in (("team", {"team": None}), ("consumer", {"consumer": None})):
                await write(store, change(kind, "t" if kind == "team" else "c", None))
                found = await store.key("k")
                assert found is not None
                assert found.team is None
                assert (found.consumer is None) == ("consumer" in missing)
            await write(store, change("consumer", "c", {"team": "nobody"}))
            found = await store.key("k")
            assert found is not None
            assert (found.consumer, found.team) == (b'{"team":"nobody"}', None)

    run(work())


def test_a_key_of_a_consumer_that_is_not_stored_is_found_without(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await write(store, change("key", "k", {"consumer": "of-the-file"}))
            found = await store.key("k")
            assert found is not None
            assert (found.consumer_name, found.consumer, found.team) == ("of-the-file", None, None)

    run(work())


# --- arrivals ------------------------------------------------------------------------------------


def test_arrivals_are_followed_a_page_at_a_time(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await store.write([change("route", f"r{n}", {}) for n in range(5)], ANN)
            first = await store.arrivals(0, limit=2)
            assert (names(first.revisions), first.last) == (["r0", "r1"], 2)
            rest = await store.arrivals(2)
            assert (names(rest.revisions), rest.last) == (["r2", "r3", "r4"], 5)
            assert await store.arrivals(5) == Arrivals([], 5)

    run(work())


def test_a_number_beyond_the_last_tells_of_another_database(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            await write(store, change("route", "r", {}))
            assert await store.arrivals(9) == Arrivals([], 1)

    run(work())


def test_whoever_follows_arrivals_while_many_write_misses_nothing(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as one, opened(settings) as other, opened(settings) as third:
            writers = [
                asyncio.ensure_future(
                    (one, other)[n % 2].write(
                        [change("route", f"{n}-{m}", {}) for m in range(1 + n % 3)], ANN
                    )
                )
                for n in range(30)
            ]
            seen: list[str] = []
            numbers: list[int] = []
            last = 0
            while True:
                done = all(writer.done() for writer in writers)
                found = await third.arrivals(last, limit=7)
                seen += [revision.id for revision in found.revisions]
                numbers += [revision.arrival for revision in found.revisions]
                if done and found.last == last:
                    break
                last = found.last
            wrote = [each.id for writer in writers for each in writer.result()]
            assert sorted(seen) == sorted(wrote)
            assert numbers == sorted(set(numbers))

    run(work())


def test_who_listens_hears_of_what_this_process_writes(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            heard = asyncio.Event()
            lost: list[bool] = []
            end = await store.listen(heard.set, lambda: lost.append(True))
            await write(store, change("route", "r", {}))
            await asyncio.wait_for(heard.wait(), 10)
            end()
            heard.clear()
            with pytest.raises(Stale):
                await write(store, change("route", "r", {}, ABSENT))
            await write(store, change("route", "r", {"n": 1}))
            assert not heard.is_set()
            assert lost == []

    run(work())


# --- audit ---------------------------------------------------------------------------------------


def test_the_audit_is_every_revision_newest_first(settings: Settings) -> None:
    async def work() -> None:
        clock = MockClock()
        async with opened(settings, clock) as store:
            wrote: list[Revision] = []
            for number, actor in enumerate(["ann", "bob", "ann", "cyd"]):
                kind = "route" if number % 2 else "plan"
                author = Author(actor, "here", "create")
                wrote += await write(store, change(kind, f"n{number}", {}), author=author)
                clock.advance(1)
            assert await store.audit() == wrote[::-1]
            assert await store.audit(limit=2) == [wrote[3], wrote[2]]
            assert await store.audit(before=wrote[2].id) == [wrote[1], wrote[0]]
            assert await store.audit(actor="ann") == [wrote[2], wrote[0]]
            assert await store.audit(kinds=["route"]) == [wrote[3], wrote[1]]
            assert await store.audit(kinds=[]) == []
            assert await store.audit(since_us=EPOCH_US + 1_500_000) == [wrote[3], wrote[2]]
            assert await store.audit(since_us=wrote[1].at_us, actor="bob") == [wrote[1]]

    run(work())


# --- what belongs to one server ------------------------------------------------------------------


def test_data_keys_are_kept_oldest_first(settings: Settings) -> None:
    async def work() -> None:
        ids = Uuid7()
        rows = [
            DataKey(ids.make(EPOCH_US), f"d{n}", "main", bytes([n, 0, 255]), EPOCH_US + n)
            for n in range(3)
        ]
        async with opened(settings) as store:
            for row in rows[::-1]:
                await store.add_data_key(row)
            assert await store.data_keys() == rows

    run(work())


def test_an_answer_is_known_for_a_day_and_the_first_one_stays(settings: Settings) -> None:
    async def work() -> None:
        clock = MockClock()
        first = Answer("hash", 201, {"location": "/x"}, b'{"\xff')
        second = Answer("other", 409, {}, b"")
        async with opened(settings, clock) as store:
            await store.remember("ann", "key", first)
            await store.remember("ann", "key", second)
            await store.remember("bob", "key", second)
            assert await store.remembered("ann", "key") == first
            assert await store.remembered("bob", "key") == second
            assert await store.remembered("ann", "other") is None
            clock.advance(DAY_S - 1)
            await store.sweep(0)
            assert await store.remembered("ann", "key") == first
            clock.advance(1)
            assert await store.remembered("ann", "key") is None
            await store.remember("ann", "key", second)
            await store.sweep(0)
            assert await store.remembered("ann", "key") == second
            assert await store.remembered("bob", "key") is None

    run(work())


def test_what_a_replica_said_last_is_known(settings: Settings) -> None:
    async def work() -> None:
        clock = MockClock()
        one = ReplicaRow("one", "eu", "1.0", "abc", 5, 0, EPOCH_US)
        late = ReplicaRow("one", "eu", "1.1", "def", 2**40, 3, EPOCH_US + 10)
        other = ReplicaRow("other", "us", "1.0", "abc", 5, 0, EPOCH_US + 5)
        async with opened(settings, clock) as store:
            for row in (one, other, late):
                await store.report(row)
            assert await store.replicas(0) == [late, other]
            assert await store.replicas(EPOCH_US + 6) == [late]
            clock.advance(2 * DAY_S)
            await store.sweep(0)
            assert await store.replicas(0) == []

    run(work())


def test_the_last_use_of_a_key_never_goes_back(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as one, opened(settings) as other:
            await asyncio.gather(
                one.used({f"k{n}": n for n in range(1500)}),
                other.used({f"k{n}": 2 * n for n in range(1499, -1, -1)}),
            )
            await one.used({"k3": 1})
            await one.used({})
            found = await other.last_used([f"k{n}" for n in range(1600)])
            assert found == {f"k{n}": 2 * n for n in range(1500)}

    run(work())


# --- sweeping ------------------------------------------------------------------------------------


def test_a_sweep_takes_only_what_was_superseded_by_then(settings: Settings) -> None:
    async def work() -> None:
        clock = MockClock()
        async with opened(settings, clock) as store:
            wrote: list[Revision] = []
            for number in range(4):
                wrote += await write(store, change("plan", "p", {"n": number}))
                clock.advance(10)
            [alone] = await write(store, change("plan", "alone", {}))
            await write(store, change("plan", "gone", {}))
            [gone] = await write(store, change("plan", "gone", None))
            assert await store.sweep(wrote[2].at_us) == 1
            assert await store.history("plan", "p") == wrote[:0:-1]
            assert await store.sweep(wrote[2].at_us) == 0
            clock.advance(1)
            assert await store.sweep(clock.wall_us()) == 3
            assert await store.history("plan", "p") == wrote[3:]
            assert await store.history("plan", "gone") == [gone]
            assert await store.head("plan", "alone") == alone

    run(work())


def test_a_sweep_leaves_who_follows_where_they_are(settings: Settings) -> None:
    async def work() -> None:
        clock = MockClock()
        async with opened(settings, clock) as store:
            for number in range(6):
                await write(store, change("plan", "p", {"n": number}))
            # The last to arrive is not the newest, and goes.
            await load(settings, [made("plan", "p", {"late": True}, stamp=1)])
            clock.advance(1)
            assert await store.sweep(clock.wall_us()) == 6
            found = await store.arrivals(0)
            assert [revision.arrival for revision in found.revisions] == [6]
            assert found.last == 7
            assert await store.arrivals(3, limit=2) == Arrivals(found.revisions, 6 + 1)
            assert await store.arrivals(7) == Arrivals([], 7)
            assert (await store.current(["plan"])).last == 7

    run(work())


def test_a_sweep_never_takes_a_revocation(settings: Settings) -> None:
    async def work() -> None:
        clock = MockClock()
        async with opened(settings, clock) as store:
            await write(store, change("key", "k", {}))
            [gone] = await write(store, change("key", "k", None))
            far = [
                made("key", "k", {"n": 1}, stamp=NOW + 9),
                made("key", "k", None, stamp=NOW + 5),
                made("key", "other", {"n": 1}, stamp=NOW),
            ]
            await load(settings, far)
            clock.advance(1)
            assert await store.sweep(clock.wall_us()) == 2
            assert await store.history("key", "k") == [far[1], gone]
            assert await store.listing("key") == [far[2]]

    run(work())


def test_a_sweep_goes_through_more_than_one_window(settings: Settings) -> None:
    async def work() -> None:
        clock = MockClock()
        async with opened(settings, clock) as store:
            for _ in range(3):
                await load(settings, many_keys(2500, consumers=5))
            clock.advance(1)
            assert await store.sweep(clock.wall_us()) == 2 * (2500 + 5 + 10)
            assert len(await store.listing("key", limit=5000)) == 2500
            found = await store.arrivals(0, limit=10_000)
            assert len(found.revisions) == 2515
            assert found.last == 3 * 2515

    run(work())


# --- away ----------------------------------------------------------------------------------------


def test_a_closed_store_is_away(settings: Settings) -> None:
    async def work() -> None:
        async with opened(settings) as store:
            pass
        with pytest.raises(StoreAway):
            await store.head("route", "r")
        with pytest.raises(StoreAway):
            await write(store, change("route", "r", {}))

    run(work())
