from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.admin.differences import Difference, differences, same
from sluicegate.snapshot.places import place_of

SCALARS = st.booleans() | st.integers(-2, 2) | st.text("ab.[", max_size=3)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("ab.[\"'", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=12,
)


def test_each_difference_is_told_as_deep_down_as_it_is() -> None:
    before = {"match": {"path": "/a"}, "service": "one", "timeouts": {"total": "1s"}}
    after = {"match": {"path": "/b"}, "service": "one", "upgrade": []}
    assert differences(before, after) == [
        Difference("match.path", "/a", "/b"),
        Difference("timeouts", {"total": "1s"}, None),
        Difference("upgrade", None, []),
    ]


def test_one_policy_more_in_front_is_one_difference() -> None:
    before = [{"api_key": {}}, {"cors": {}}]
    assert differences(before, [{"jwt": {}}, *before]) == [Difference("[0]", None, {"jwt": {}})]


def test_one_item_less_in_the_middle_is_one_difference() -> None:
    assert differences({"a": [1, 2, 3]}, {"a": [1, 3]}) == [Difference("a[1]", 2, None)]


def test_what_is_new_or_gone_is_one_difference_at_the_root() -> None:
    assert differences(None, {"a": 1}) == [Difference("", None, {"a": 1})]
    assert differences({"a": 1}, None) == [Difference("", {"a": 1}, None)]


def test_true_is_not_the_number_one() -> None:
    assert not same({"a": True}, {"a": 1})
    assert differences({"a": True}, {"a": 1}) == [Difference("a", True, 1)]


@given(value=JSON)
def test_what_is_equal_has_no_difference(value: Any) -> None:
    assert differences(value, value) == []


def found(value: Any, path: str) -> Any:
    for step in place_of(path):
        value = value[step]
    return value


@given(before=JSON, after=JSON)
def test_every_difference_is_where_it_says_and_says_what_is_there(before: Any, after: Any) -> None:
    result = differences(before, after)
    assert bool(result) != same(before, after)
    for difference in result:
        if difference.before is not None:
            assert same(found(before, difference.path), difference.before)
        if difference.after is not None:
            assert same(found(after, difference.path), difference.after)
