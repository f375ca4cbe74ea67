from __future__ import annotations

import itertools
import sys

import pytest
from anthropic._streaming import SSEDecoder as AnthropicDecoder
from hypothesis import given
from hypothesis import strategies as st
from openai._streaming import SSEDecoder as OpenaiDecoder

from sluicegate.llm.dialect import Frame
from sluicegate.llm.failure import Malformed
from sluicegate.llm.framing.sse import SseFraming, comment
from support.llm_goldens import golden, goldens


def frames(data: bytes, cuts: list[int] | None = None) -> list[Frame]:
    framing = SseFraming()
    edges = [0, *sorted(cuts or []), len(data)]
    found = []
    for start, end in itertools.pairwise(edges):
        found += framing.feed(data[start:end])
    return found


def said(data: bytes, cuts: list[int] | None = None) -> list[tuple[str, bytes]]:
    return [(frame.name, frame.data) for frame in frames(data, cuts) if frame.data or frame.name]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_end_of_line_is_one(end: str) -> None:
    data = end.join(["event: a", "data: 1", "", "data: 2", "", "data:3", "", ""]).encode()
    assert said(data) == [("a", b"1"), ("", b"2"), ("", b"3")]


def test_ends_of_lines_may_be_mixed() -> None:
    assert said(b"data: 1\r\n\ndata: 2\n\r\ndata: 3\r\r\ndata: 4\n\n") == [
        ("", b"1"),
        ("", b"2"),
        ("", b"3"),
        ("", b"4"),
    ]


def test_lines_of_data_are_joined() -> None:
    assert said(b"data: a\ndata\ndata:  b\n\n") == [("", b"a\n\n b")]


def test_comments_and_other_fields_pass_and_say_nothing() -> None:
    data = b": OPENROUTER PROCESSING\n\nid: 1\nretry: 5\ndata: a\n\n"
    assert said(data) == [("", b"a")]
    assert b"".join(frame.raw for frame in frames(data)) == data


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert said(b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n") == [("", b"a")]


def test_a_frame_is_whole_at_the_carriage_return_that_ends_it() -> None:
    framing = SseFraming()
    assert [frame.data for frame in framing.feed(b"data: a\r\n\r")] == [b"a"]
    assert framing.rest == 0
    assert [frame.raw for frame in framing.feed(b"\ndata: b\r\n\r\n")] == [
        b"\n",
        b"data: b\r\n\r\n",
    ]


def test_what_has_begun_and_not_ended_is_counted() -> None:
    framing = SseFraming()
    assert framing.feed(b"data: a\n") == []
    assert framing.rest == 8
    assert [frame.raw for frame in framing.feed(b"\n")] == [b"data: a\n\n"]
    assert framing.rest == 0


def test_a_frame_without_end_is_malformed() -> None:
    framing = SseFraming(max_frame_bytes=100)
    framing.feed(b"data: " + b"1" * 94)
    with pytest.raises(Malformed):
        framing.feed(b"1")


LINES = st.sampled_from([b"data: a", b"data:b", b"event: c", b": d", b"", b"data: \xff", b"x"])
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.lists(st.tuples(LINES, ENDS), max_size=14), st.lists(st.integers(0, 80), max_size=6))
def test_where_the_bytes_are_cut_makes_no_difference(
    lines: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    data = b"".join(line + end for line, end in lines)
    cuts = [min(cut, len(data)) for cut in cuts]
    assert said(data, cuts) == said(data) == said(data, list(range(len(data))))
    framing = SseFraming()
    raw = b"".join(frame.raw for frame in framing.feed(data))
    assert data == raw + data[len(data) - framing.rest :]


@pytest.mark.parametrize(("name", "file"), goldens("*.stream"))
def test_the_official_decoder_reads_the_same(name: str, file: str) -> None:
    from openai._streaming import SSEDecoder  # noqa: PLC0415 - only here

    data = golden(name, file)
    if data.lstrip()[:5] not in {b"data:", b"event", b": ope"}:
        return  # another framing
    theirs = [(one.event or "", one.data.encode()) for one in SSEDecoder().iter_bytes(iter([data]))]
    assert said(data) == theirs


class _Counted(bytes):
    """Bytes that count how many of them were looked through."""

    looked = 0

    def find(self, sub: bytes, start: int = 0, end: int = sys.maxsize) -> int:  # type: ignore[override]
        at = super().find(sub, start, end)
        _Counted.looked += (at if at >= 0 else min(end, len(self))) - start
        return at


@pytest.mark.parametrize("unit", [b"\r", b": x\r\r", b"data: {}\r\n\r\n", b": x\n\r\n"])
def test_many_short_frames_in_one_read_are_cut_without_looking_at_them_again(unit: bytes) -> None:
    data = _Counted(unit * 4000)
    _Counted.looked = 0
    frames = SseFraming().feed(data)
    assert b"".join(frame.raw for frame in frames) == data
    assert _Counted.looked < 8 * len(data)


@given(st.text())
def test_a_comment_is_whole_frames_that_say_nothing(text: str) -> None:
    data = comment(text)
    framing = SseFraming()
    found = framing.feed(b"data: 1\n\n" + data + b"data: 2\n\n")
    assert [(frame.name, frame.data) for frame in found if frame.data] == [("", b"1"), ("", b"2")]
    assert b"".join(frame.raw for frame in found) == b"data: 1\n\n" + data + b"data: 2\n\n"
    assert framing.rest == 0


def test_no_line_of_a_comment_is_a_field() -> None:
    assert comment("a=1 b=2") == b": a=1 b=2\n\n"
    assert comment("a\ndata: x\r\n\rb") == b": a\n: data: x\n: \n: b\n\n"
    assert comment("") == b": \n\n"
    assert comment("\ud83d") == b": ?\n\n"


def test_the_official_sdks_pass_over_a_comment() -> None:
    data = comment("cost=1\ntokens=2")
    assert list(OpenaiDecoder().iter_bytes(iter([data]))) == []
    assert list(AnthropicDecoder().iter_bytes(iter([data]))) == []
