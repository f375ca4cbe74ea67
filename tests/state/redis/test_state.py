from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

import pytest

from sluicegate.clock import Clock
from sluicegate.errors import StateAway
from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.leased import Leased
from sluicegate.journey.limit.algorithms.slots import Slots
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket
from sluicegate.metrics import Metrics
from sluicegate.model.units import Duration
from sluicegate.settings import State
from sluicegate.state.contract import Ask, Group, Limit, Verdict
from sluicegate.state.redis.address import parse_address
from sluicegate.state.redis.breaker import Breaker, Watch
from sluicegate.state.redis.calls import CallCounts
from sluicegate.state.redis.connection import Connection
from sluicegate.state.redis.dial import Dial
from sluicegate.state.redis.resp import Trouble
from sluicegate.state.redis.state import RedisState
from support.counting import AGE_US
from support.loops import run
from support.valkey import Valkey

PATIENT = Duration(10)
"""The machine is shared: what is not about deadlines has none that matters."""


class TwoSlots:
    """One server that is treated as a cluster; what is kept under `lost` cannot be reached."""

    several = True

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self.lost: set[bytes] = set()

    def node_for(self, key: bytes) -> Connection:
        if key in self.lost:
            raise StateAway("lost")
        return self._breaker.connection()

    def failed(self, connection: Connection, trouble: Trouble) -> Connection | None:
        del connection, trouble
        return None

    async def start(self) -> None:
        await self._breaker.start()

    def close(self) -> None:
        self._breaker.close()


def with_state(
    valkey: Valkey,
    play: Callable[[RedisState, TwoSlots], Awaitable[None]],
    *,
    several: bool = False,
) -> None:
    async def body() -> None:
        clock, metrics = Clock(), Metrics()
        watch = Watch(metrics)
        counts = CallCounts(clock, metrics, watch)
        settings = State(url=valkey.url, timeout=PATIENT, connect_timeout=PATIENT)
        dial = Dial(settings, clock, counts.seconds, tls=False)
        endpoint = parse_address(valkey.url).endpoints[0]
        nodes = TwoSlots(Breaker(endpoint, dial, clock, watch))
        nodes.several = several
        state = RedisState(nodes, "sg", counts)
        await state.start()
        try:
            await play(state, nodes)
        finally:
            state.close()

    run(body())


def windows(*limits: int, place: str = "api", settles: bool = False, shadow: bool = False) -> Group:
    """Return limits of one window each, of different labels."""
    each = [Limit(f"fixed-{n}", FixedWindow(limit, AGE_US)) for n, limit in enumerate(limits)]
    return Group(place, each, settles=settles, shadow=shadow)


def left(verdict: Verdict) -> list[int]:
    return [outcome.remaining for outcome in verdict.outcomes]


def test_a_take_says_what_each_limit_says(valkey: Valkey) -> None:
    async def play(state: RedisState, _: TwoSlots) -> None:
        asks = [Ask(windows(2, 3), "alice")]
        assert left(await state.take(asks)) == [1, 2]
        assert left(await state.take(asks)) == [0, 1]
        refused = await state.take(asks)
        assert not refused.admitted
        assert [each.admitted for each in refused.outcomes] == [False, True]
        assert [each.limit for each in refused.outcomes] == [2, 3]
        assert 0 < refused.outcomes[0].retry_after_us <= AGE_US
        assert left(await state.take([Ask(asks[0].group, "bob")])) == [1, 2]

    with_state(valkey, play)


def test_counts_are_the_servers_so_all_workers_share_them(valkey: Valkey) -> None:
    async def play(state: RedisState, _: TwoSlots) -> None:
        group = windows(50)
        taken = await asyncio.gather(*[state.take([Ask(group, "alice")]) for _ in range(120)])
        assert sum(verdict.admitted for verdict in taken) == 50

    with_state(valkey, play)
    with_state(valkey, lambda state, _: expect(state, windows(50), admitted=False))


async def expect(state: RedisState, group: Group, *, admitted: bool) -> None:
    assert (await state.take([Ask(group, "alice")])).admitted is admitted


def test_a_cost_is_taken_whole_or_not_at_all(valkey: Valkey) -> None:
    async def play(state: RedisState, _: TwoSlots) -> None:
        group = Group("tokens", [Limit("bucket-1", TokenBucket(1, AGE_US // 100, 10))])
        assert left(await state.take([Ask(group, "alice", 7)])) == [3]
        assert not (await state.take([Ask(group, "alice", 4)])).admitted
        assert left(await state.take([Ask(group, "alice", 3)])) == [0]

    with_state(valkey, play)


@pytest.mark.parametrize("subject", ["", "%", "%25", "}", "a}b", "{a}", "a{", "ü", "a b\r\n$3"])
def test_any_text_is_a_subject_of_its_own(valkey: Valkey, subject: str) -> None:
    async def play(state: RedisState, _: TwoSlots) -> None:
        group = windows(1)
        assert (await state.take([Ask(group, subject)])).admitted
        assert not (await state.take([Ask(group, subject)])).admitted
        assert (await state.take([Ask(group, "other")])).admitted
        assert (await state.take([Ask(windows(1, place="two"), subject)])).admitted

    with_state(valkey, play)


@pytest.mark.parametrize("several", [False, True])
def test_several_subjects_are_taken_from_all_or_none(
    valkey: Valkey,
    several: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async def play(state: RedisState, _: TwoSlots) -> None:
        wide, narrow = windows(10), windows(1, place="narrow")
        asks = [Ask(wide, "alice"), Ask(narrow, "10.0.0.1"), Ask(wide, "bob", 2)]
        assert left(await state.take(asks)) == [9, 0, 8]
        refused = await state.take(asks)
        assert not refused.admitted
        assert [each.admitted for each in refused.outcomes] == [True, False, True]
        assert left(refused) == [9, 0, 8]
        await settled(state)
        assert left(await state.take([Ask(wide, "alice")])) == [8]
        assert left(await state.take([Ask(wide, "bob")])) == [7]

    with_state(valkey, play, several=several)


async def settled(state: RedisState) -> None:
    """Wait for what is given back aside."""
    await asyncio.gather(*state._aside)


def test_what_was_taken_elsewhere_is_given_back_where_a_node_is_away(valkey: Valkey) -> None:
    async def play(state: RedisState, nodes: TwoSlots) -> None:
        group = windows(10)
        nodes.lost.add(b"bob")
        with pytest.raises(StateAway):
            await state.take([Ask(group, "alice"), Ask(group, "bob")])
        await settled(state)
        assert left(await state.take([Ask(group, "alice")])) == [9]

    with_state(valkey, play, several=True)


def test_what_was_taken_is_given_back_where_the_caller_is_cancelled(valkey: Valkey) -> None:
    async def play(state: RedisState, _: TwoSlots) -> None:
        group = windows(10)
        taking = asyncio.ensure_future(state.take([Ask(group, "alice"), Ask(group, "bob")]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        await settled(state)
        for subject in ("alice", "bob"):
            assert left(await state.take([Ask(group, subject)])) == [9]

    with_state(valkey, play, several=True)


def test_a_shadow_group_refuses_nobody_in_another_hash_slot_too(valkey: Valkey) -> None:
    async def play(state: RedisState, _: TwoSlots) -> None:
        asks = [Ask(windows(10), "alice"), Ask(windows(1, place="try", shadow=True), "bob")]
        assert (await state.take(asks)).admitted
        again = await state.take(asks)
        assert again.admitted
        assert [each.admitted for each in again.outcomes] == [True, False]

    with_state(valkey, play, several=True)


@pytest.mark.parametrize("several", [False, True])
def test_a_cost_is_settled_once(
    valkey: Valkey,
    several: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async def play(state: RedisState, _: TwoSlots) -> None:
        group, other = windows(100, settles=True), windows(10, place="other")
        asks = [Ask(group, "alice", 40), Ask(other, "bob")]
        assert left(await state.take(asks, "t1")) == [60, 9]
        for _again in range(2):
            await state.settle(asks, "t1", [15, 1])
            assert left(await state.take([Ask(group, "alice", 0)], "t2")) == [85]
        await state.settle(asks, "never-taken", [0, 0])
        assert left(await state.take([Ask(group, "alice", 0)], "t3")) == [85]
        assert left(await state.take([Ask(other, "bob", 0)])) == [9]

    with_state(valkey, play, several=several)


@pytest.mark.parametrize("several", [False, True])
def test_slots_are_held_until_they_are_settled(
    valkey: Valkey,
    several: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async def play(state: RedisState, _: TwoSlots) -> None:
        group = Group("busy", [Limit("slots", Slots(2, 60_000_000))])
        asks, others = [Ask(group, "alice")], [Ask(group, "bob")]
        assert (await state.take(asks, "t1")).admitted
        assert (await state.take(asks, "t2")).admitted
        assert (await state.take(others, "t3")).admitted
        assert not (await state.take(asks, "t4")).admitted
        await state.refresh([(asks[0], "t1"), (asks[0], "t2"), (others[0], "t3")])
        await state.settle(asks, "t1", [1])
        await state.settle(asks, "t1", [1])
        assert (await state.take(asks, "t5")).admitted
        assert not (await state.take(asks, "t6")).admitted

    with_state(valkey, play, several=several)


def test_blocks_are_lent_and_given_back(valkey: Valkey) -> None:
    async def play(state: RedisState, _: TwoSlots) -> None:
        leased = Leased(FixedWindow(100, AGE_US), 30)
        group = Group("api", [Limit("leased-fixed", leased)])
        clock = Clock()
        for person in count():
            ask, began = Ask(group, f"person-{person}"), clock.monotonic()
            (block,) = await state.lend(ask, [20], "b1")
            (rest,) = await state.lend(ask, [20], "b2")
            await state.give_back(ask, "b2", [10])
            await state.give_back(ask, "b2", [10])
            (more,) = await state.lend(ask, [0], "b3")
            assert 0 < block.ends_us <= 1_000_000
            if (clock.monotonic() - began) * 1_000_000 < block.ends_us:  # else it ended meanwhile
                break
        assert (block.granted, block.lent, block.outcome.remaining) == (20, 20, 80)
        assert (rest.granted, rest.lent) == (10, 30)
        assert more.outcome.remaining == 80

    with_state(valkey, play)


def test_workers_see_each_other_in_one_order(valkey: Valkey) -> None:
    async def play(state: RedisState, _: TwoSlots) -> None:
        await state.present("w2")
        first, second = await state.present("w1"), await state.present("w2")
        assert (first.workers, first.place) == (2, 0)
        assert (second.workers, second.place) == (2, 1)

    with_state(valkey, play)


def test_scripts_that_were_flushed_are_brought_again(valkey: Valkey) -> None:
    async def play(state: RedisState, _: TwoSlots) -> None:
        group = windows(10)
        await state.take([Ask(group, "alice")])
        with valkey.client() as client:
            client.script_flush()
        taken = await asyncio.gather(*[state.take([Ask(group, "alice")]) for _ in range(5)])
        assert sorted(each for verdict in taken for each in left(verdict)) == [4, 5, 6, 7, 8]

    with_state(valkey, play)


def test_what_was_flushed_begins_anew(valkey: Valkey) -> None:
    async def play(state: RedisState, _: TwoSlots) -> None:
        group = windows(1)
        assert (await state.take([Ask(group, "alice")])).admitted
        with valkey.client() as client:
            client.flushall()
        assert (await state.take([Ask(group, "alice")])).admitted

    with_state(valkey, play)


def test_a_key_of_somebody_else_is_an_error_and_takes_nothing(valkey: Valkey) -> None:
    async def play(state: RedisState, _: TwoSlots) -> None:
        with valkey.client() as client:
            client.lpush("sg:{alice}api", "not ours")
        with pytest.raises(StateAway, match="answered ERR"):
            await state.take([Ask(windows(1), "alice")])
        assert (await state.take([Ask(windows(1), "bob")])).admitted

    with_state(valkey, play)
