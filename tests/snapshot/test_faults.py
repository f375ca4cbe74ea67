from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from sluicegate.model import units
from sluicegate.model.resource import FieldFault, Resource
from sluicegate.model.route import Route
from sluicegate.model.service import Service
from sluicegate.model.units import Duration
from sluicegate.settings import Gateway
from sluicegate.snapshot.draft import Draft
from sluicegate.snapshot.faults import convert_or_explain, hint, salvage
from sluicegate.snapshot.source import read


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    must: str
    may: int = 0

    def __post_init__(self) -> None:
        if self.may == 13:
            raise ValueError("13 brings bad luck")


class Outer(msgspec.Struct, forbid_unknown_fields=True):
    inner: Inner
    word: Annotated[str, Meta(pattern="^[a-z]+$", max_length=4)] = "a"
    count: Annotated[int, Meta(ge=1, lt=10)] = 1
    share: Annotated[float, Meta(gt=0, le=1)] = 1.0
    flag: bool = False
    wait: Duration = Duration(0)
    end: Annotated[datetime, Meta(tz=True)] | None = None
    mode: Literal["fast", "slow"] = "fast"
    check: Literal["verify", "off"] = "verify"
    either: str | list[str] | None = None
    number: Literal["auto"] | Annotated[int, Meta(ge=1)] = "auto"
    names: dict[str, Annotated[str, Meta(min_length=2)]] = {}
    items: Annotated[list[Inner | Annotated[str, Meta(pattern="^x")]], Meta(max_length=2)] = []
    words: frozenset[str] = frozenset()


def explained(value: object, kind: Any = Outer) -> list[tuple[str, str]]:
    draft = Draft(read(b""))
    convert_or_explain(draft, ("at",), value, kind)
    return [(fault.path.removeprefix("at").lstrip("."), fault.message) for fault in draft.faults]


def one(**fields: object) -> str:
    """Return the words about the only fault of an `Outer` with these fields."""
    ((path, message),) = explained({"inner": {"must": "x"}, **fields})
    assert path.split(".")[0].split("[")[0] in fields
    return message


def test_what_is_right_is_converted() -> None:
    draft = Draft(read(b""))
    made = convert_or_explain(draft, (), {"inner": {"must": "x"}, "words": ["a"]}, Outer)
    assert made == Outer(inner=Inner(must="x"), words=frozenset("a"))
    assert draft.faults == []


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("word", 1, "found 1; expected text: quote it"),
        ("word", 1.5, "found 1.5; expected text: quote it"),
        (
            "word",
            True,
            "found true; expected text: an unquoted `true`, `yes` or `on` is a boolean; quote it",
        ),
        (
            "check",
            False,
            (
                "found false; expected `off` or `verify`: "
                "an unquoted `false`, `no` or `off` is a boolean; quote it"
            ),
        ),
        ("word", None, "found null; expected text"),
        ("word", "A", 'found "A"; expected text like `^[a-z]+$`'),
        ("word", "abcde", "found 5 characters; expected at most 4 characters"),
        ("count", "1", 'found "1"; expected a whole number'),
        ("count", True, "found true; expected a whole number"),
        ("count", 0, "found 0; expected at least 1"),
        ("count", 10, "found 10; expected less than 10"),
        ("share", 0, "found 0; expected more than 0"),
        ("share", 2, "found 2; expected at most 1"),
        ("flag", "off", 'found "off"; expected `true` or `false`'),
        ("wait", 3, "found 3; expected a duration such as `250ms`, `3s` or `2m`"),
        ("end", "soon", 'found "soon"; expected a time such as `2027-01-31T00:00:00Z`'),
        (
            "end",
            "2027-01-31T00:00:00",
            'found "2027-01-31T00:00:00"; expected a time such as `2027-01-31T00:00:00Z`',
        ),
        ("end", 3, "found 3; expected a time such as `2027-01-31T00:00:00Z`"),
        ("mode", "fats", 'found "fats"; expected `fast` or `slow`; did you mean `fast`?'),
        ("mode", 3, "found 3; expected `fast` or `slow`"),
        ("either", 3, "found 3; expected text or a list: quote it"),
        ("number", 0, "found 0; expected at least 1"),
        ("number", "aut", 'found "aut"; expected `auto`; did you mean `auto`?'),
        ("number", [], "found a list with 0 items; expected `auto` or a whole number"),
        ("names", [], "found a list with 0 items; expected a mapping"),
        ("items", {}, "found a mapping with 0 entries; expected a list"),
        ("words", "a", 'found "a"; expected a list'),
        ("inner", "x", 'found "x"; expected a mapping with `must`'),
        ("inner", {"must": "x", "may": 13}, "13 brings bad luck"),
    ],
)
def test_a_fault_says_what_was_found_and_what_was_expected(
    field: str, value: object, message: str
) -> None:
    assert one(**{field: value}) == message


def test_every_fault_is_found_not_only_the_first() -> None:
    value = {
        "inner": {"may": "x", "mus": 1},
        "wrod": "a",
        "count": 0,
        "names": {"a": "x", "b": "yy", "c": 1},
        "items": ["y", {"must": 1}, {"must": "x", "may": 13}],
        "words": ["a", 1],
    }
    assert explained(value) == [
        ("inner.may", 'found "x"; expected a whole number'),
        ("inner.mus", "`mus` is not a field here; did you mean `must`?"),
        ("inner", "`must` is missing; expected text"),
        ("wrod", "`wrod` is not a field here; did you mean `word`?"),
        ("count", "found 0; expected at least 1"),
        ("names.a", "found 1 character; expected at least 2 characters"),
        ("names.c", "found 1; expected text: quote it"),
        ("items", "found 3 items; expected at most 2 items"),
        ("items[0]", 'found "y"; expected text like `^x`'),
        ("items[1].must", "found 1; expected text: quote it"),
        ("items[2]", "13 brings bad luck"),
        ("words[1]", "found 1; expected text: quote it"),
    ]


def test_an_unknown_field_like_no_other_is_told_what_there_is() -> None:
    found = dict(explained({"inner": {"must": "x", "zzz": 1}}))
    assert found == {"inner.zzz": "`zzz` is not a field here; expected one of `must`, `may`"}


def test_a_field_that_is_there_already_is_not_suggested() -> None:
    assert hint("mus", ["must"]) == "; did you mean `must`?"
    ((_, message),) = explained({"inner": {"must": "x", "mus": 1}})
    assert "did you mean" not in message


def test_a_pattern_can_say_in_words_what_it_takes() -> None:
    found = dict(explained({"targets": ["ftp://x"]}, Service))
    assert found["targets[0]"] == (
        'found "ftp://x"; expected a URL such as `http://10.0.0.5:9000`, without a path'
    )


class Ranged(Resource, frozen=True, kw_only=True):
    bounds: list[int]

    def __post_init__(self) -> None:
        for place, bound in enumerate(self.bounds):
            if bound < 0:
                raise FieldFault(("bounds", place), f"{bound} is below 0")


def test_what_a_structs_own_check_finds_is_told_at_the_field() -> None:
    assert explained({"bounds": [1, -2]}, Ranged) == [("bounds[1]", "-2 is below 0")]


def test_fields_that_are_right_by_themselves_can_be_salvaged() -> None:
    assert salvage({"word": "a", "count": 0, "flag": True, "other": 1}, Outer) == {
        "word": "a",
        "flag": True,
    }
    assert salvage("nothing", Outer) == {}


DATA = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["match", "path", "service", "listen", "http", "targets", "url", "x"]),
            inner,
        ),
    ),
    max_leaves=8,
)


@given(DATA, st.sampled_from([Route, Service, Gateway]))
def test_whatever_the_converter_refuses_is_explained(value: object, kind: type) -> None:
    try:
        units.convert(value, kind)
        refused = False
    except msgspec.ValidationError:
        refused = True
    assert bool(explained(value, kind)) == refused
