"""Keys of the configuration and of the store, asked for by many, forgotten in mid-question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from sluicegate.errors import ABNORMAL_USAGE, UNAVAILABLE, Refused
from sluicegate.journey.authenticate.key_cache import ABSENT_S, KeyCache
from sluicegate.journey.authenticate.key_record import KeyRecord
from sluicegate.journey.authenticate.keyring import (
    AGAIN_S,
    RETRY_S,
    TOLD_AT_ONCE,
    WAIT_S,
    Keyring,
)
from sluicegate.metrics import Metrics
from sluicegate.model.consumer import Consumer, FoundKey, Key
from sluicegate.model.key import base62, new_key
from sluicegate.model.team import Team
from sluicegate.snapshot.keys import KeyDirectory, digest
from support.exchanges import PEPPER, directory
from support.keys import TAIL, Source, stored
from support.mock_clock import EPOCH_US, MockClock

NONE = directory({})
HERE = "192.0.2.7"
TURNS = 8


class Ring:
    """A keyring, what it asks, and what a request would get of it."""

    def __init__(self, *found: FoundKey, per_s: float = 200.0, most_keys: int = 100) -> None:
        self.source = Source(*found)
        self.clock = MockClock()
        self.metrics = Metrics()
        self.keyring = Keyring(self.source, self.clock, self.metrics, per_s, KeyCache(most_keys))

    async def whose(
        self, raw: bytes, keys: KeyDirectory = NONE, address: str = HERE
    ) -> KeyRecord | None:
        """Look a key up as a request does."""
        found = self.keyring.find(raw, keys, self.clock.monotonic())
        if isinstance(found, str):
            return await self.keyring.fetch(found, raw, keys, address)
        return found

    async def refused(self, raw: bytes, address: str = HERE) -> Refused:
        with pytest.raises(Refused) as caught:
            await self.whose(raw, address=address)
        assert caught.value.headers == ((b"retry-after", b"1"),)
        return caught.value

    @property
    def asked(self) -> int:
        return len(self.source.asked)

    @property
    def outcomes(self) -> dict[str, float]:
        series = self.metrics.families["sluicegate_key_lookups_total"].series
        return {name: cell.value for (name,), cell in series.items() if cell.value}  # type: ignore[union-attr]


async def turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


Test = Callable[..., Coroutine[Any, Any, None]]


def looped(test: Test) -> Callable[..., None]:
    """Run an asynchronous test."""

    def run() -> None:
        asyncio.run(test())

    run.__name__ = test.__name__
    return run


# --- whose it is ----------------------------------------------------------------------------------


@looped
async def test_a_stored_key_says_whose_it_is_and_is_asked_for_once() -> None:
    raw, found = stored("bob", scopes=["a"], team=Team(plan="pro"))
    ring = Ring(found)
    for _ in range(3):
        record = await ring.whose(raw)
        assert record is not None
        assert (record.consumer_name, record.plan, record.scopes) == ("bob", "pro", ("a",))
        assert record.key_id == found.name
    assert ring.source.asked == [found.name]
    assert ring.outcomes == {"found": 1, "cached": 2}


@looped
async def test_a_name_that_is_right_with_another_secret_is_nobodys_and_asks_once() -> None:
    raw, found = stored()
    other = found.name.encode() + new_key("local").encode()[-TAIL:]
    ring = Ring(found)
    forged, _ = stored(raw=_summed(other))
    for _ in range(3):
        assert await ring.whose(forged) is None
    assert await ring.whose(raw) is not None
    assert ring.asked == 1
    assert ring.outcomes == {"unknown": 3, "cached": 1}


def _summed(raw: bytes) -> bytes:
    """Return the key with the check sum that belongs to it."""
    return raw[:-6] + base62(crc32(raw[:-6]), 6).encode()


@looped
async def test_what_is_no_key_of_ours_by_its_form_never_reaches_the_store() -> None:
    raw, found = stored()
    ring = Ring(found)
    wrong = b"a" if raw[-1:] != b"a" else b"b"
    strangers = [
        b"", b"sg_", b"key", raw[:-1], raw + b"a", raw[:-1] + wrong, raw.upper(), b"sg_" * 80,
        new_key("local", "sga").encode(), b"\xff" * 70, raw.replace(b"sg_local", b"sg_LOCAL"),
    ]  # fmt: skip
    for each in strangers:
        assert await ring.whose(each) is None
    assert ring.asked == 0


@given(st.binary(max_size=90))
def test_whatever_is_shown_nobody_is_asked_and_nothing_breaks(raw: bytes) -> None:
    ring = Ring()
    assert ring.keyring.find(b"sg_" + raw, NONE, 0.0) is None
    assert ring.keyring.find(raw, NONE, 0.0) is None


@looped
async def test_keys_of_the_configuration_win_and_nobody_is_asked_for_them() -> None:
    raw, found = stored("of-the-store")
    declared = directory({raw: KeyRecord("of-the-file", Consumer(), None, "k")})
    ring = Ring(found)
    record = await ring.whose(raw, declared)
    assert record is not None
    assert record.consumer_name == "of-the-file"
    assert ring.asked == 0
    await ring.whose(raw)  # known from now on; then the file declares it
    record = await ring.whose(raw, declared)
    assert record is not None
    assert record.consumer_name == "of-the-file"


@looped
async def test_a_key_of_the_file_is_found_though_a_stored_one_has_its_name() -> None:
    raw, found = stored("of-the-store")
    theirs = _summed(found.name.encode() + new_key("local").encode()[-TAIL:])
    declared = directory({theirs: KeyRecord("of-the-file", Consumer(), None, "k")})
    ring = Ring(found)
    assert await ring.whose(raw) is not None
    record = await ring.whose(theirs, declared)
    assert record is not None
    assert record.consumer_name == "of-the-file"


def test_without_a_store_there_are_only_keys_of_the_configuration() -> None:
    keyring = Keyring(None, MockClock(), Metrics())
    raw, _ = stored()
    assert keyring.find(raw, NONE, 0.0) is None
    record = KeyRecord("ann", Consumer(), None, "k")
    assert keyring.find(raw, directory({raw: record}), 0.0) is record


@looped
async def test_a_key_whose_pepper_is_not_here_is_refused_and_said_once() -> None:
    raw, found = stored(pepper="lost")
    ring = Ring(found)
    with capture_logs() as logs:
        for _ in range(3):
            assert await ring.whose(raw) is None
    assert [(log["pepper"], log["key"]) for log in logs] == [("lost", found.name)]
    assert raw.decode() not in str(logs)
    assert ring.metrics.families["sluicegate_keys_unpeppered_total"].cell().value == 3
    assert ring.asked == 1
    renamed = KeyDirectory([("lost", PEPPER, {})])
    assert await ring.whose(raw, renamed) is not None


@pytest.mark.parametrize(
    "key",
    [
        Key(),
        Key(hash="p"),
        Key(hash="p:xyz"),
        Key(hash="p:" + "0" * 64, ip_ranges=["nowhere"]),
    ],
)
def test_a_stored_key_that_cannot_be_read_is_nobodys_and_not_one_without_bounds(key: Key) -> None:
    raw, found = stored()
    ring = Ring(FoundKey(found.name, key, "ann", Consumer(), None))
    with capture_logs() as logs:
        assert asyncio.run(ring.whose(raw)) is None
    assert [log["key"] for log in logs] == [found.name]


# --- asking ---------------------------------------------------------------------------------------


@looped
async def test_however_many_wait_for_a_name_it_is_asked_for_once() -> None:
    raw, found = stored()
    ring = Ring(found)
    ring.source.open.clear()
    waiting = [asyncio.create_task(ring.whose(raw)) for _ in range(50)]
    await turns()
    waiting[0].cancel()  # whoever began it may leave
    await turns()
    ring.source.open.set()
    records = await asyncio.gather(*waiting[1:])
    assert None not in records
    assert ring.asked == 1


@looped
async def test_a_name_that_is_nobodys_is_asked_for_again_after_seconds() -> None:
    raw, found = stored()
    ring = Ring()
    assert await ring.whose(raw) is None
    ring.source.keys[found.name] = found
    ring.clock.advance(ABSENT_S - 0.01)
    assert await ring.whose(raw) is None
    assert ring.asked == 1
    ring.clock.advance(0.01)
    assert await ring.whose(raw) is not None


@looped
async def test_while_the_store_is_away_known_keys_are_served_and_others_are_503() -> None:
    (known, found), (unknown, other) = stored(), stored()
    ring = Ring(found, other)
    await ring.whose(known)
    ring.source.away = True
    assert (await ring.refused(unknown)).problem is UNAVAILABLE
    ring.clock.advance(10 * AGAIN_S)
    assert await ring.whose(known) is not None
    await turns()
    assert await ring.whose(known) is not None
    ring.source.away = False
    assert await ring.whose(unknown) is not None
    assert ring.outcomes["away"] == 1


@looped
async def test_a_failing_source_is_taken_for_one_that_is_away() -> None:
    raw, _ = stored()
    ring = Ring()

    async def broken(_name: str) -> None:
        raise RuntimeError("no such table")

    ring.source.find = broken  # type: ignore[method-assign]
    with capture_logs() as logs:
        refused = await ring.refused(raw)
    assert refused.problem is UNAVAILABLE
    assert "table" not in str(refused)
    assert len(logs) == 1


@looped
async def test_nobody_waits_longer_than_the_bound() -> None:
    raw, found = stored()
    ring = Ring(found)
    ring.source.open.clear()
    waiting = asyncio.create_task(ring.refused(raw))
    await turns()
    ring.clock.advance(WAIT_S - 0.01)
    await turns()
    assert not waiting.done()
    ring.clock.advance(0.01)
    assert (await waiting).problem is UNAVAILABLE
    ring.source.open.set()
    assert await ring.whose(raw) is not None


@looped
async def test_a_flood_of_unknown_keys_is_bounded_and_keeps_nobody_else_waiting() -> None:
    ring = Ring(per_s=20)
    for _ in range(30):
        raw, _ = stored()
        with suppress(Refused):
            assert await ring.whose(raw) is None
    assert ring.asked == 11
    assert ring.outcomes == {"unknown": 11, "limited": 19}
    late, found = stored()
    ring.source.keys[found.name] = found
    assert (await ring.refused(late)).problem is ABNORMAL_USAGE
    assert await ring.whose(late, address="198.51.100.1") is not None
    assert await ring.whose(late) is not None  # it is known now


@looped
async def test_where_all_together_show_too_many_unknown_keys_they_get_503() -> None:
    ring = Ring(per_s=5)
    for number in range(5):
        assert await ring.whose(stored()[0], address=f"198.51.{number}.1") is None
    assert (await ring.refused(stored()[0], "203.0.113.1")).problem is UNAVAILABLE
    ring.clock.advance(1)
    assert await ring.whose(stored()[0], address="203.0.113.1") is None


# --- what is known changes ------------------------------------------------------------------------


@looped
async def test_a_revoked_key_is_refused_as_soon_as_it_is_forgotten() -> None:
    raw, found = stored()
    ring = Ring(found)
    assert await ring.whose(raw) is not None
    ring.source.keys.clear()
    assert await ring.whose(raw) is not None
    ring.keyring.forget([found.name, "sg_local_unknown1"])
    assert await ring.whose(raw) is None
    ring.source.keys[found.name] = found  # and a new one is known as soon
    assert await ring.whose(raw) is None
    ring.keyring.forget([found.name])
    assert await ring.whose(raw) is not None


@pytest.mark.parametrize("how", ["forget", "forget_consumers", "forget_teams", "forget_all"])
def test_an_answer_on_its_way_does_not_survive_that_its_name_is_forgotten(how: str) -> None:
    async def work() -> None:
        raw, found = stored("ann", team=Team())
        ring = Ring(found)
        ring.source.open.clear()
        waiting = asyncio.create_task(ring.whose(raw))
        await turns()  # the source has looked, and found the key
        ring.source.keys.clear()  # it is revoked
        _forget(ring, how, found)
        ring.source.open.set()
        assert await waiting is None
        assert await ring.whose(raw) is None
        assert ring.asked == 2

    asyncio.run(work())


@pytest.mark.parametrize("how", ["forget", "forget_consumers", "forget_teams"])
def test_between_the_answer_and_who_waits_for_it_a_name_can_still_be_forgotten(how: str) -> None:
    async def work() -> None:
        raw, found = stored("ann", team=Team())
        ring = Ring(found)
        waiting = asyncio.create_task(ring.whose(raw))
        for _ in range(TURNS):
            await asyncio.sleep(0)
            if len(ring.keyring._cache):
                break
        assert not waiting.done()
        ring.source.keys.clear()
        _forget(ring, how, found)
        assert await waiting is None
        assert ring.asked == 2

    asyncio.run(work())


@looped
async def test_when_everything_is_doubted_known_keys_are_served_and_asked_for_anew() -> None:
    raw, found = stored("ann")
    ring = Ring(found)
    assert await ring.whose(raw) is not None
    ring.source.keys.clear()
    ring.keyring.forget_all()
    assert await ring.whose(raw) is not None
    await turns()
    assert ring.asked == 2
    assert await ring.whose(raw) is None


def _forget(ring: Ring, how: str, found: FoundKey) -> None:
    names = {"forget": found.name, "forget_consumers": "ann", "forget_teams": "crew"}
    getattr(ring.keyring, how)(*([[names[how]]] if how in names else []))


@looped
async def test_keys_of_others_stay_known_when_a_consumer_or_a_team_changes() -> None:
    (one, of_ann), (two, of_bob) = stored("ann", team=Team()), stored("bob")
    ring = Ring(of_ann, of_bob)
    await ring.whose(one)
    await ring.whose(two)
    ring.keyring.forget_consumers(["ann"])
    ring.keyring.forget_teams(["crew"])
    await ring.whose(one)
    await ring.whose(two)
    assert ring.source.asked == [of_ann.name, of_bob.name, of_ann.name]


@looped
async def test_a_key_is_asked_for_anew_in_the_background() -> None:
    raw, found = stored(plan="free")
    ring = Ring(found)
    await ring.whose(raw)
    _, ring.source.keys[found.name] = stored(raw=raw, plan="pro")
    ring.clock.advance(AGAIN_S * 0.89)
    await ring.whose(raw)
    assert ring.asked == 1
    ring.clock.advance(AGAIN_S * 0.22)
    record = await ring.whose(raw)
    assert record is not None
    assert record.plan == "free"  # served meanwhile
    await turns()
    record = await ring.whose(raw)
    assert record is not None
    assert record.plan == "pro"
    assert ring.asked == 2


@looped
async def test_a_key_that_is_gone_when_it_is_asked_for_anew_is_refused() -> None:
    raw, found = stored()
    ring = Ring(found)
    await ring.whose(raw)
    ring.source.keys.clear()
    ring.clock.advance(AGAIN_S * 1.11)
    assert await ring.whose(raw) is not None
    await turns()
    assert await ring.whose(raw) is None


@looped
async def test_asking_anew_waits_for_room_and_is_tried_again_later() -> None:
    raw, found = stored()
    ring = Ring(found, per_s=2)
    await ring.whose(raw)
    ring.clock.advance(AGAIN_S * 1.11)
    for number in range(2):
        await ring.whose(stored()[0], address=f"198.51.{number}.1")
    asked = ring.asked
    assert await ring.whose(raw) is not None
    await turns()
    assert ring.asked == asked
    ring.clock.advance(RETRY_S)
    await ring.whose(raw)
    await turns()
    assert ring.asked == asked + 1


@looped
async def test_keys_that_came_together_are_not_all_asked_for_anew_together() -> None:
    pairs = [stored() for _ in range(100)]
    ring = Ring(*(found for _, found in pairs), per_s=1000, most_keys=1000)
    for raw, _ in pairs:
        await ring.whose(raw)
    ring.clock.advance(AGAIN_S)
    for raw, _ in pairs:
        await ring.whose(raw)
    await turns()
    assert 120 < ring.asked < 180


# --- told to others -------------------------------------------------------------------------------


@looped
async def test_when_a_stored_key_was_used_last_is_told_once() -> None:
    (one, first), (two, second) = stored(), stored()
    ring = Ring(first, second)
    await ring.whose(one)
    await ring.whose(two)
    ring.clock.advance(2)
    await ring.whose(one)
    ring.clock.advance(3)
    forged, _ = stored(raw=_summed(second.name.encode() + new_key("local").encode()[-TAIL:]))
    assert await ring.whose(forged) is None  # that was no use of the key
    assert ring.keyring.used() == {
        first.name: EPOCH_US + 2_000_000,
        second.name: EPOCH_US,
    }
    assert ring.keyring.used() == {}


@looped
async def test_how_many_keys_are_known_is_seen_at_scrape() -> None:
    pairs = [stored() for _ in range(3)]
    ring = Ring(*(found for _, found in pairs))
    for raw, _ in pairs:
        await ring.whose(raw)
    ring.metrics.dump()
    assert ring.metrics.families["sluicegate_keys_cached"].cell().value == 3


@looped
async def test_at_the_end_nobody_is_left_waiting() -> None:
    raw, found = stored()
    ring = Ring(found)
    ring.source.open.clear()
    waiting = [asyncio.create_task(ring.refused(raw)) for _ in range(2)]
    await turns()
    await ring.keyring.close()
    assert [(await each).problem for each in waiting] == [UNAVAILABLE] * 2


def test_nothing_that_is_kept_holds_a_key() -> None:
    async def work() -> None:
        raw, found = stored()
        ring = Ring(found)
        await ring.whose(raw)
        secret = raw[len(found.name) :].decode()
        known = ring.keyring._cache.get(found.name.encode())
        record = known.record
        held = [known.name, known.pepper, record.told, record.key_id, record.consumer, record.plan]
        assert secret not in str(held) + str(ring.keyring._cache._younger) + str(ring.keyring._used)
        assert known.digest == digest(PEPPER, raw)

    asyncio.run(work())


def test_keys_that_were_used_are_told_bit_by_bit() -> None:
    keyring = Keyring(None, MockClock(), Metrics())
    keyring._used.update((f"sg_a_{number:08d}", 1.0) for number in range(TOLD_AT_ONCE + 1))
    assert [len(keyring.used()) for _ in range(3)] == [TOLD_AT_ONCE, 1, 0]
