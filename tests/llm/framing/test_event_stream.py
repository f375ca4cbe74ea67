from __future__ import annotations

import contextlib
import itertools
import struct
from binascii import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.failure import Malformed
from sluicegate.llm.framing.event_stream import (
    KNOWN_HEADERS,
    EventStreamFraming,
    message,
    read_headers,
)

NAMES = st.text(st.characters(codec="ascii", exclude_characters=":"), min_size=1, max_size=20)
MESSAGES = st.lists(st.tuples(NAMES, st.binary(max_size=40)), min_size=1, max_size=5)


def frame(headers: bytes, payload: bytes = b"", *, total: int = 0) -> bytes:
    lengths = struct.pack("!II", total or 16 + len(headers) + len(payload), len(headers))
    body = lengths + struct.pack("!I", crc32(lengths)) + headers + payload
    return body + struct.pack("!I", crc32(body))


def text(name: str, value: str) -> bytes:
    return bytes((len(name),)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()


@given(MESSAGES)
def test_botocore_reads_what_is_written(messages: list[tuple[str, bytes]]) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(message(*one) for one in messages))
    read = [(one.headers[":event-type"], one.payload) for one in buffer]
    assert read == messages


@given(MESSAGES, st.lists(st.integers(0, 400), max_size=6))
def test_frames_are_the_same_wherever_the_bytes_are_cut(
    messages: list[tuple[str, bytes]], cuts: list[int]
) -> None:
    data = b"".join(message(*one) for one in messages)
    framing, frames = EventStreamFraming(), []
    edges = [0, *sorted(cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        frames += framing.feed(data[start:end])
    assert [(one.name, one.data) for one in frames] == messages
    assert b"".join(one.raw for one in frames) == data
    assert framing.rest == 0


def test_a_message_that_has_not_ended_rests() -> None:
    framing = EventStreamFraming()
    data = message("metadata", b"{}")
    assert framing.feed(data[:-1]) == []
    assert framing.rest == len(data) - 1


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_byte_never_passes(at: int, change: int) -> None:
    data = bytearray(message("metadata", b'{"usage":{}}'))
    data[at % len(data)] ^= change
    framing = EventStreamFraming()
    with pytest.raises(Malformed):
        framing.feed(bytes(data) + bytes(64 * 1024))


@given(st.binary(max_size=200))
def test_garbage_is_malformed_or_waits_for_more(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert EventStreamFraming().feed(data) == []


def test_an_exception_is_named_as_one() -> None:
    data = message("exception:throttlingException", b'{"message":"slow"}')
    (read,) = EventStreamFraming().feed(data)
    assert (read.name, read.data) == ("exception:throttlingException", b'{"message":"slow"}')


def test_an_error_without_a_model_has_its_message_as_data() -> None:
    headers = text(":message-type", "error") + text(":error-code", "InternalFailure")
    headers += text(":error-message", 'It "broke".')
    (read,) = EventStreamFraming().feed(frame(headers))
    assert (read.name, read.data) == ("error:InternalFailure", b'{"message": "It \\"broke\\"."}')


def test_headers_of_every_type_are_understood() -> None:
    sizes = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
    block = b"".join(bytes((1, 97 + kind, kind)) + bytes(size) for kind, size in sizes.items())
    block += b"\x01z\x06\x00\x02\x00\x00" + text(":event-type", "metadata")
    assert read_headers(block) == {":event-type": "metadata"}


@pytest.mark.parametrize(
    "block",
    [
        text("a", "b")[:-1],
        text("a", "b") + text("a", "c"),
        b"\x01a\x0a",
        b"\x05a",
        b"\x01a\x07\x00\x01\xff",
        b"\x01\xff\x07\x00\x01a",
        b"\x01a",
    ],
    ids=["cut", "twice", "type", "name cut", "value no text", "name no text", "no type"],
)
def test_faulty_headers_are_malformed(block: bytes) -> None:
    with pytest.raises(Malformed):
        EventStreamFraming().feed(frame(block))


@pytest.mark.parametrize("total", [15, 17, 1 << 31])
def test_lengths_that_cannot_be_are_malformed(total: int) -> None:
    with pytest.raises(Malformed):
        EventStreamFraming().feed(frame(text("a", "b"), total=total))


def test_the_memory_for_headers_is_bounded() -> None:
    framing = EventStreamFraming()
    for number in range(KNOWN_HEADERS * 2):
        (read,) = framing.feed(message(f"event-{number}", b""))
        assert read.name == f"event-{number}"
    assert len(framing._known) == KNOWN_HEADERS
