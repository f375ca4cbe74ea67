from __future__ import annotations

import hiredis
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from sluicegate.state.redis.address import Endpoint
from sluicegate.state.redis.slots import ranges, slot_of

ASKED = Endpoint("10.0.0.1", 6379)
KNOWN = [
    [0, 5460, [b"10.0.0.1", 6379, b"a", []], [b"10.0.0.4", 6379, b"d", []]],
    [5461, 16383, [b"node-2.example", 7000, b"b", []]],
]


@given(st.binary(min_size=1, max_size=40).filter(lambda tag: b"}" not in tag))
def test_a_tag_is_in_the_slot_that_redis_py_says(tag: bytes) -> None:
    assert slot_of(tag) == key_slot(b"sg:{" + tag + b"}limits")


def test_the_map_says_which_primary_has_which_slots() -> None:
    found = ranges(KNOWN, ASKED)
    assert found is not None
    assert [(each.first, each.last, each.primary) for each in found] == [
        (0, 5460, Endpoint("10.0.0.1", 6379)),
        (5461, 16383, Endpoint("node-2.example", 7000)),
    ]


def test_a_node_that_does_not_know_its_own_address_is_where_it_was_asked() -> None:
    for unknown in (b"", None, b"?"):
        found = ranges([[0, 16383, [unknown, 6380, b"a", []]]], ASKED)
        assert found is not None
        assert found[0].primary == Endpoint("10.0.0.1", 6380)


def test_a_refusal_and_an_empty_map_are_no_map() -> None:
    assert ranges(hiredis.ReplyError("ERR no"), ASKED) is None
    assert ranges([], ASKED) is None
