from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.errors import ConfigError
from sluicegate.snapshot.stored import MAX_BYTES, MAX_DEPTH, canonical, item_of, read

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=10,
)


def message_of(raw: bytes | object) -> str:
    value = raw if isinstance(raw, bytes) else None
    with pytest.raises(ConfigError) as caught:
        canonical(raw if value is None else read(value, ("routes", "a")), ("routes", "a"))
    (fault,) = caught.value.faults
    assert fault.path.startswith("routes.a")
    assert fault.line == 0
    return f"{fault.path.removeprefix('routes.a')}: {fault.message}"


@given(JSON)
def test_what_is_written_down_reads_back_the_same_and_has_one_form(value: Any) -> None:
    raw = canonical(value)
    assert read(raw) == value
    assert canonical(read(json.dumps(value, indent=2).encode())) == raw


@given(st.binary())
def test_whatever_is_read_is_a_value_or_one_fault(raw: bytes) -> None:
    try:
        assert canonical(read(raw)) is not None
    except ConfigError as error:
        assert len(error.faults) == 1  # noqa: PT017 - either is right


def test_names_are_sorted_and_nothing_is_escaped_that_need_not_be() -> None:
    assert canonical({"b": "ä/\u0000", "a": [1.0, 1, None]}) == (
        '{"a":[1.0,1,null],"b":"ä/\\u0000"}'.encode()
    )


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not valid JSON: Expecting value (line 1, column 1)"),
        (b"{'a': 1}", "not valid JSON"),
        (b"{} {}", "not valid JSON: Extra data"),
        (b'{"a": {"b": 1, "c": 2, "b": 1}}', '"b" is here twice in one object'),
        (b"[NaN]", "`NaN` is no number of JSON"),
        (b"[-Infinity]", "`-Infinity` is no number of JSON"),
        (b"1" * 5000, "found a number of 5000 digits"),
        (b'"\xff"', "byte 0xff is not UTF-8"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        ("{}".encode("utf-16"), "is not UTF-8"),
        (b"[" * 100_000, "nested too deep"),
        (b" " * (MAX_BYTES + 1), "expected at most 1048576"),
    ],
)
def test_what_is_not_strictly_json_is_refused(raw: bytes, words: str) -> None:
    assert words in message_of(raw)


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b'{"a": 1, "a": 2}', "a"),
        (b'{"a": [0, {"b": {"c d": 1, "x": 2, "c d": 1}}]}', 'a[1].b["c d"]'),
        (b'{"a": {"b": 1, "b": 2}, "c": 1, "c": 2}', "c"),
    ],
)
def test_a_name_that_is_there_twice_is_found_by_its_path(raw: bytes, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(raw)
    assert [fault.path for fault in caught.value.faults] == [path]


def test_a_bound_may_be_another() -> None:
    assert read(b" " * MAX_BYTES + b"1", (), 2 * MAX_BYTES) == 1
    with pytest.raises(ConfigError, match="expected at most 3"):
        read(b"1234", (), 3)


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": [0, float("inf")]}, ".a[1]: not a number of JSON"),
        (read(b"[1e999]"), "[0]: not a number of JSON"),
        (read(b'{"a": "\\ud800"}'), ".a: half of a surrogate pair"),
        (read(b'{"\\ud800": 1}'), "is not a name"),
        ({1: 2}, "1 is not a name; expected text"),
        ({"a": {1}}, ".a: set is not of JSON"),
        ({"a": 10**41}, ".a: the number is too large"),
        (nested(MAX_DEPTH + 1), "nested too deep"),
        ({"a": "x" * MAX_BYTES}, "expected at most 1048576"),
    ],
)
def test_what_json_cannot_say_is_refused_by_path(value: object, words: str) -> None:
    assert words in message_of(value)


def test_a_path_says_which_resource_it_leads_into() -> None:
    assert item_of('routes["a.b"].match.path') == ("route", "a.b")
    assert item_of("teams.blue") == ("team", "blue")
    assert item_of("models.gpt-*.deployments[0]") == ("model", "gpt-*")
    assert item_of("providers.openai.key") == ("provider", "openai")
    assert item_of("policies[0].cors") == item_of("policies") == ("policies", "")
    assert item_of("routes") is item_of("gateway.listen") is item_of("") is None
