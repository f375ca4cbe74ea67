from __future__ import annotations

import asyncio
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.process.channel import LENGTH, MAX_FRAME, Frames, encode, open_channel
from sluicegate.process.messages import AnyMessage, Beat, Drop, Put, Scrape

SOME = [Scrape(1), Put("route", "users", b"\x00\xff" * 50), Drop("plan", "free"), Beat(ready=True)]


@given(st.lists(st.integers(1, 300), min_size=1))
def test_messages_come_out_whole_however_the_bytes_are_cut(sizes: list[int]) -> None:
    raw = b"".join(map(encode, SOME))
    frames, found, at = Frames(), [], 0
    for size in sizes:
        found += frames.feed(raw[at : at + size])
        at += size
    found += frames.feed(raw[at:])
    assert found == SOME


def test_a_length_beyond_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="control channel"):
        Frames().feed(LENGTH.pack(MAX_FRAME + 1))


def test_what_was_sent_arrives_in_order_even_before_anybody_listens() -> None:
    async def scenario() -> list[AnyMessage]:
        left, right = socket.socketpair()
        sender, receiver = await open_channel(left), await open_channel(right)
        sender.send(*SOME[:2])
        sender.send(*SOME[2:])
        sender.close()
        await receiver.closed
        found: list[AnyMessage] = []
        receiver.listen(found.append)
        return found

    assert asyncio.run(scenario()) == SOME


def test_the_end_of_one_side_is_seen_by_the_other() -> None:
    async def scenario() -> None:
        left, right = socket.socketpair()
        channel = await open_channel(left)
        right.close()
        await asyncio.wait_for(channel.closed, 5)
        channel.send(Scrape(1))

    asyncio.run(scenario())
