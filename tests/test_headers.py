"""Header fields."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.headers import Headers

NAMES = st.sampled_from([b"a", b"b", b"c"])
PAIRS = st.lists(st.tuples(NAMES, st.binary(max_size=3)))


def test_the_first_of_several_values_is_found() -> None:
    headers = Headers([(b"a", b"1"), (b"b", b"2"), (b"a", b"3")])
    assert headers.get(b"a") == b"1"
    assert headers.get_all(b"a") == [b"1", b"3"]
    assert headers.get(b"c") is None
    assert headers.get_all(b"c") == []


@given(PAIRS, NAMES)
def test_setting_leaves_one_value_and_the_rest_in_order(
    pairs: list[tuple[bytes, bytes]], name: bytes
) -> None:
    headers = Headers(pairs)
    headers.set(name, b"new")
    assert list(headers) == [pair for pair in pairs if pair[0] != name] + [(name, b"new")]


@given(PAIRS, NAMES)
def test_removing_takes_every_value_and_nothing_else(
    pairs: list[tuple[bytes, bytes]], name: bytes
) -> None:
    headers = Headers(pairs)
    headers.remove(name)
    assert list(headers) == [pair for pair in pairs if pair[0] != name]
