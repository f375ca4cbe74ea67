from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.failure import Malformed
from sluicegate.llm.framing.json_array import JsonArrayFraming

VALUES = st.recursive(
    st.none() | st.integers() | st.text('a\\"[]{},é', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.text('k"}', max_size=2), VALUES, max_size=3), max_size=4)


@given(OBJECTS, st.sampled_from([None, 1]), st.lists(st.integers(0, 200)))
def test_elements_are_the_same_wherever_the_bytes_are_cut(
    objects: list[dict[str, object]], indent: int | None, cuts: list[int]
) -> None:
    data = json.dumps(objects, indent=indent, ensure_ascii=False).encode() + b"\n"
    ends = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    framing = JsonArrayFraming()
    frames = [frame for begin, end in pairwise(ends) for frame in framing.feed(data[begin:end])]
    assert [json.loads(frame.data) for frame in frames if frame.data] == objects
    assert b"".join(frame.raw for frame in frames) == data
    assert framing.rest == 0


@given(st.binary(max_size=40) | st.text('[]{}",\\ a', max_size=30).map(str.encode))
def test_garbage_is_malformed_or_not_whole(data: bytes) -> None:
    framing = JsonArrayFraming()
    try:
        framing.feed(data)
    except Malformed:
        return
    assert framing.rest or not data.strip() or data.strip().endswith(b"]")


def test_an_array_that_is_open_is_not_whole() -> None:
    framing = JsonArrayFraming()
    (frame,) = framing.feed(b'[{"a": "}"}')
    assert frame.data == b'{"a": "}"}'
    assert framing.rest
    framing.feed(b"\n,\r\n")
    assert framing.feed(b"]")[-1].data == b""
    assert framing.rest == 0


@pytest.mark.parametrize("data", [b"{}", b'["a"]', b"[1]", b"[[]]", b"[{]", b"[{}]x", b"]"])
def test_what_is_no_array_of_objects_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        JsonArrayFraming().feed(data)


def test_an_element_has_a_bound() -> None:
    framing = JsonArrayFraming(max_frame_bytes=100)
    with pytest.raises(Malformed):
        framing.feed(b'[{"a": "' + b"a" * 100)
