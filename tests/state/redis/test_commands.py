from __future__ import annotations

import hiredis
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.spending import Spending
from sluicegate.state.contract import Ask, Group, Limit
from sluicegate.state.redis.commands import (
    MOST_PREPARED,
    Commands,
    Part,
    part_tag,
    tag_of,
    with_source,
)
from sluicegate.state.redis.scripts import Script, script
from sluicegate.state.redis.slots import slot_of


def group(place: str = "api", *, settles: bool = False, shadow: bool = False) -> Group:
    limits = [Limit("fixed-60", FixedWindow(10, 60_000_000))]
    return Group(place, limits, settles=settles, shadow=shadow)


def read(command: bytes) -> list[bytes]:
    reader = hiredis.Reader()
    reader.feed(command)
    found = reader.gets()
    assert isinstance(found, list)
    assert reader.gets() is False
    return found


def part_of(*asks: Ask) -> Part:
    part = Part(tag_of(asks[0].subject))
    for place, ask in enumerate(asks):
        part.add(place, ask, ask.cost)
    return part


@given(st.text())
def test_the_short_way_writes_what_the_long_way_does(subject: str) -> None:
    take = script("take")
    commands = Commands("sg", take)
    ask = Ask(group(), subject)
    short = commands.of(ask.group).take_one(tag_of(subject))
    assert short == commands.take(part_of(ask), "")
    words = read(short)
    assert words[:3] == [b"EVALSHA", take.sha, b"1"]
    assert words[3] == b"sg:{" + tag_of(subject) + b"}api"
    assert words[4:7] == [b"", b"", b"0"]
    assert msgspec.msgpack.decode(words[7]) == [0, ["fixed-60", "fixed", 10, 60_000_000]]
    assert words[8] == b"1"


@given(st.text(), st.text())
def test_subjects_have_tags_of_their_own_and_a_key_has_the_slot_of_its_tag(
    one: str, two: str
) -> None:
    assert (tag_of(one) == tag_of(two)) == (one == two)
    assert b"}" not in tag_of(one)
    key = Commands("sg", Script(b"")).of(group()).key(tag_of(one))
    assert key_slot(key) == slot_of(tag_of(one))


@pytest.mark.parametrize(
    ("given_", "recorded", "flags", "expire"),
    [
        (group(), False, 0, b"0"),
        (group(shadow=True), False, 1, b"0"),
        (group(settles=True), False, 2, b"3600000"),
        (group(), True, 4, b"2000"),
        (group(settles=True, shadow=True), True, 7, b"3600000"),
    ],
)
def test_flags_say_what_to_keep_a_record_of(
    given_: Group,
    recorded: bool,  # noqa: FBT001 - a parameter of the test
    flags: int,
    expire: bytes,
) -> None:
    commands = Commands("sg", script("take"))
    words = read(commands.take(part_of(Ask(given_, "a", 5)), "t1", recorded=recorded))
    assert words[5:7] == [b"t1", expire]
    assert msgspec.msgpack.decode(words[7])[0] == flags
    assert words[8] == b"5"


def test_a_call_that_brings_its_script_differs_in_that_only() -> None:
    take = script("take")
    short = Commands("sg", take).of(group()).take_one(b"a")
    assert read(with_source(short, take)) == [b"EVAL", take.source, *read(short)[2:]]


def test_groups_of_earlier_configurations_are_forgotten_at_last() -> None:
    commands = Commands("sg", script("take"))
    for _ in range(MOST_PREPARED + 1):
        commands.of(group())
    assert len(commands._groups) == 1


def test_of_ten_thousand_groups_each_is_prepared_once() -> None:
    commands = Commands("sg", script("take"))
    groups = [group() for _ in range(10_000)]
    prepared = [commands.of(each) for each in groups]
    assert all(commands.of(each) is one for each, one in zip(groups, prepared, strict=True))


def test_a_slow_server_has_longer_to_give_back() -> None:
    commands = Commands("sg", script("take"), 8000)
    assert read(commands.take(part_of(Ask(group(), "a")), "t1", recorded=True))[6] == b"8000"


def budget(*, shadow: bool = False) -> Group:
    limits = [Limit("spending-month", Spending(500, 0, (80, 100)))]
    return Group("budget;;consumer;api", limits, settles=True, shadow=shadow)


def test_budgets_and_lines_have_the_hash_tag_of_the_ledger() -> None:
    commands, ask = Commands("sg", script("take"), most_lines=9), Ask(budget(), "a}b", 5)
    words = read(commands.take(part_of(ask), "t1", b"entry", 1500))
    assert words[2:5] == [b"2", b"sg:{ledger}budget;;consumer;api\x1fa}b", b"sg:{ledger}lines"]
    assert words[-3:] == [b"entry", b"1500", b"9"]
    assert {key_slot(key) for key in words[3:5]} == {slot_of(part_tag(ask))}
    plain = Ask(group(), "a}b")
    assert part_tag(plain) == tag_of("a}b")


@pytest.mark.parametrize("recorded", [False, True])
def test_a_budget_keeps_its_own_record_and_no_other(recorded: bool) -> None:  # noqa: FBT001 - a parameter of the test
    commands = Commands("sg", script("take"))
    for shadow in (False, True):
        ask = Ask(budget(shadow=shadow), "a", 5)
        spec = msgspec.msgpack.decode(read(commands.take(part_of(ask), "t1", recorded=recorded))[8])
        assert spec == [int(shadow), ["spending-month", "spending", 500, 0, "80,100"]]


def test_a_settlement_says_its_line_and_what_nobody_knows_as_nothing() -> None:
    commands, settle = Commands("sg", script("take"), most_lines=9), script("settle")
    words = read(commands.settle(settle, part_of(Ask(group(), "a", 5)), "t1", b"entry", 7))
    assert words[2:5] == [b"2", b"sg:{a}api", b"sg:{ledger}lines"]
    assert words[-3:] == [b"entry", b"7", b"9"]
    words = read(commands.settle(settle, part_of(Ask(budget(), "a", 5)), "t1"))
    assert words[-3:] == [b"", b"", b"9"]
    words = read(commands.settle(settle, part_of(Ask(group(), "a", 5)), "t1"))
    assert words[2:4] == [b"1", b"sg:{a}api"]
    words = read(commands.append(script("append"), [(None, b"one"), (3, b"two")]))
    assert words[2:] == [b"1", b"sg:{ledger}lines", b"", b"9", b"", b"one", b"3", b"two"]


def test_a_refresh_says_where_reservations_are_only_where_there_are_some() -> None:
    commands, refresh = Commands("sg", script("take")), script("refresh")
    slot, ask = Ask(group(), "a"), Ask(budget(), "b")
    assert read(commands.refresh(refresh, [(slot, "t1")]))[2] == b"1"
    words = read(commands.refresh(refresh, [(slot, "t1"), (ask, "t2")]))
    assert words[2] == b"3"
    assert words[5] == b"sg:{ledger}lines"
