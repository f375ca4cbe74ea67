from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.admin.problems import Invalid
from sluicegate.admin.specs import canonical, check_name, expires_in, plain, spec_in
from sluicegate.errors import Refused
from support.admin import Desk

NOWHERE: Any = None


@given(name=st.text(max_size=130) | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._:@/+-]*"))
def test_a_name_is_up_to_128_plain_characters(name: str) -> None:
    good = len(name) <= 128 and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._:@/+-]*", name)
    try:
        check_name("route", name)
    except Invalid:
        assert not good
    else:
        assert good


def test_a_name_of_a_model_may_end_in_a_star() -> None:
    for name in ("gpt-4o", "gpt-*", "*", "a" * 128 + "*"):
        check_name("model", name)
    for name in ("g*t", "**", "", "a b", "a" * 129):
        with pytest.raises(Invalid) as caught:
            check_name("model", name)
        assert caught.value.faults[0].message.endswith("and `*` only at the end")
    with pytest.raises(Invalid):
        check_name("provider", "gpt-*")


def test_policies_have_no_name() -> None:
    check_name("policies", "")
    with pytest.raises(Invalid):
        check_name("route", "")


def test_the_spec_of_a_body_is_as_it_was_written() -> None:
    assert spec_in(b'{"name": "a", "spec": {"b":  [1.0]}}') == b'{"b":  [1.0]}'
    for wrong in (b"", b"[]", b'{"name": "a"}', b'{"spec":' * 5000):
        with pytest.raises(Refused):
            spec_in(wrong)


def test_json_is_read_strictly() -> None:
    assert plain(b'{"a": [1, null]}') == {"a": [1, None]}
    for wrong in (b"", b"{'a': 1}", b'{"a": 1, "a": 2}', b"NaN", b"\xff", b"[" * 100_000):
        with pytest.raises(Invalid):
            plain(wrong)


def test_what_is_canonical_is_the_same_however_it_was_written() -> None:
    desk = Desk(NOWHERE, NOWHERE)
    one = canonical(desk, "team", "a", b'{"plan": "p",  "description": "\\u0061"}')
    other = canonical(desk, "team", "a", {"description": "a", "plan": "p"})
    assert one == other == b'{"description":"a","plan":"p"}'
    assert msgspec.json.decode(one) == {"description": "a", "plan": "p"}
    with pytest.raises(Invalid) as caught:
        canonical(desk, "team", "a", {"plan": 3})
    assert [fault.path for fault in caught.value.faults] == ["teams.a.plan"]


def test_a_time_is_a_text_and_one_that_utc_has() -> None:
    assert expires_in(b"{}") is expires_in(b'{"expires":null,"other":3}') is None
    assert expires_in(b'{"expires":"2027-01-31T00:00:00Z"}') == datetime(2027, 1, 31, tzinfo=UTC)
    late = b'"9999-12-31T23:59:59-23:59"'
    for wrong in (b"3", b"3.5", b"[]", b'"soon"', b'"2027-01-31T00:00:00"', late):
        with pytest.raises(Invalid) as caught:
            expires_in(b'{"expires":' + wrong + b"}")
        assert [fault.path for fault in caught.value.faults] == ["expires"]
    key = {"consumer": "c", "hash": "main:" + "0" * 64, "expires": "9999-12-31T23:59:59-23:59"}
    with pytest.raises(Invalid) as caught:
        canonical(Desk(NOWHERE, NOWHERE), "key", "sg_a_1", key)
    assert [fault.path for fault in caught.value.faults] == ["keys.sg_a_1.expires"]
