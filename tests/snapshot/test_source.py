from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.snapshot.source import MAX_ALIASED, MAX_DEPTH, Source, read

TEXT = st.text(st.characters(exclude_categories=["C", "Z"]))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), TEXT),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(TEXT, inner)),
    max_leaves=20,
)


def fault_of(text: str | bytes) -> tuple[int, str]:
    """Return the line and words of the one fault that a text has."""
    (fault,) = read(text if isinstance(text, bytes) else text.encode()).faults
    return fault.line, fault.message


def test_every_piece_knows_its_line() -> None:
    source = read(b"a: 1\nb:\n  - x\n  - {c: 2,\n     d: 3}\ne: f\n")
    places = [("a",), ("b",), ("b", 1), ("b", 1, "c"), ("b", 1, "d"), ("e",)]
    assert [source.line(place) for place in places] == [1, 2, 4, 4, 5, 6]


def test_a_place_that_is_not_there_has_the_line_of_what_is_around_it() -> None:
    source = read(b"a:\n  b:\n    c: 1\n")
    assert source.line(("a", "b", "missing")) == 2
    assert source.line(("other",)) == 1
    assert source.line(("a", "b", "c", 0, "deeper")) == 3


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("off", False),
        ("No", False),
        ("y", "y"),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("010", "010"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("0x1f", "0x1f"),
        ("2026-01-01", "2026-01-01"),
        ("10/second burst 20", "10/second burst 20"),
        ("'12'", "12"),
        ('"off"', "off"),
        ("!!str 12", "12"),
        ("1" * 50, "1" * 50),
        (".nan", ".nan"),
    ],
)
def test_scalars_are_what_both_versions_of_yaml_agree_on(text: str, value: object) -> None:
    found = read(f"a: {text}".encode()).data["a"]
    assert found == value
    assert type(found) is type(value)


@given(JSON)
def test_json_reads_as_json(value: object) -> None:
    source = read(json.dumps({"a": value}, ensure_ascii=False).encode())
    assert source.faults == []
    assert source.data["a"] == value


@given(st.text(alphabet=" \n\t-:[]{},*&!|>'\"#%@`ab1.<~\\", max_size=40))
def test_no_text_raises_or_goes_without_a_fault(text: str) -> None:
    source = read(text.encode())
    assert all(fault.line >= 1 for fault in source.faults)
    try:
        list(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError:
        assert source.faults


def test_equal_keys_are_refused_with_both_lines() -> None:
    assert fault_of("a: 1\nb: 2\na: 3\n") == (3, "the key `a` is here twice, first on line 1")


def test_all_equal_keys_are_found_with_their_places() -> None:
    source = read(b"a: {x: 1, x: 2}\nb: [{y: 1, y: 2}]\n")
    assert [fault.path for fault in source.faults] == ["a.x", "b[0].y"]


def test_keys_that_are_not_text_are_refused() -> None:
    assert fault_of("a: 1\n12: 2\n") == (2, "the key 12 is not text; write it in quotes")
    assert fault_of("no: 2\n") == (1, "the key no is not text; write it in quotes")
    assert fault_of("? [a]\n: 1\n")[1] == "a mapping or list as a key; expected text"


def test_the_key_on_is_text_though_the_value_on_is_true() -> None:
    assert read(b"on: [on]\n").data == {"on": [True]}


def test_an_alias_is_a_copy_of_its_anchor() -> None:
    source = read(b"a: &x {b: [1]}\nc: *x\n")
    assert source.data["c"] == {"b": [1]}
    assert source.data["c"]["b"] is not source.data["a"]["b"]
    assert source.line(("c", "b", 0)) == 1


def test_merged_keys_fill_in_what_is_not_there() -> None:
    source = read(b"a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n")
    assert source.data["d"] == {"c": 3, "b": 1}
    assert source.line(("d", "b")) == 3
    assert fault_of("a:\n  <<: 1\n")[1] == "`<<` takes a mapping or a list of mappings"


def test_an_alias_bomb_is_refused_early() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    assert fault_of(bomb)[1] == f"aliases repeat more than {MAX_ALIASED} pieces"


def test_an_alias_inside_its_own_anchor_is_refused() -> None:
    assert fault_of("a: &x\n  - *x\n") == (2, "the alias *x stands inside or before its anchor")
    assert fault_of("a: &x {b: 1}\n*x : 1\n")[0] == 2


def test_deep_nesting_is_refused() -> None:
    assert fault_of("[" * 5000) == (1, f"nested deeper than {MAX_DEPTH} levels")


def test_a_second_document_is_refused() -> None:
    assert fault_of("a: 1\n---\nb: 2\n")[0] == 2


def test_tags_are_refused() -> None:
    for text in ("a: !!python/object:os.system x", "a: !mine {}"):
        assert "is not supported; expected no tag" in fault_of(text)[1]


def test_tabs_are_named() -> None:
    assert fault_of("a:\n\tb: 1\n") == (2, "a tab; expected spaces in front of a key")


def test_broken_yaml_is_refused_with_its_line() -> None:
    line, message = fault_of("a: 1\nb: [1, 2\nc: 3\n")
    assert line == 3
    assert message.startswith("not valid YAML: did not find expected ',' or ']'")


def test_what_is_not_utf_8_is_refused_with_its_line() -> None:
    assert fault_of(b"a: 1\nb: \xff\n") == (2, "byte 0xff is not UTF-8; expected UTF-8 text")
    assert fault_of("a: 1\nb: \x01\n") == (2, "a control character that YAML does not allow")


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert read(b"\xef\xbb\xbfa: 1\n").data == {"a": 1}


def test_what_was_put_in_afterwards_has_the_line_of_what_is_around_it() -> None:
    source = read(b"a:\n  b: 1\n")
    source.data["store"] = {"url": "none"}
    source.data["a"]["c"] = 2
    assert source.line(("store", "username")) == 1
    assert source.line(("a", "c")) == 1


def test_what_comes_from_no_file_has_no_lines() -> None:
    assert Source({"a": [1]}, None, []).line(("a", 0)) == 0
