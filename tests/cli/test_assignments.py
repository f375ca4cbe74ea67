"""FIELD=VALUE."""

from __future__ import annotations

import pytest

from sluicegate.cli.assignments import merge_patch
from sluicegate.cli.exits import CommandFailed, Exit


def test_fields_are_dotted_and_values_are_yaml() -> None:
    given = ["plan=free", "timeouts.connect=2s", "timeouts.total=0", "targets=[http://a, {url: b}]"]
    assert merge_patch(given) == {
        "plan": "free",
        "timeouts": {"connect": "2s", "total": 0},
        "targets": ["http://a", {"url": "b"}],
    }


def test_a_field_without_a_value_is_taken_out() -> None:
    assert merge_patch(["team=", "description=''"]) == {"team": None, "description": ""}


def test_a_value_may_hold_what_divides() -> None:
    assert merge_patch(['labels["a.b"]=x=y']) == {"labels": {"a.b": "x=y"}}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["plan"], "expected FIELD=VALUE"),
        (["=free"], "expected FIELD=VALUE"),
        (["a b=1"], "expected FIELD=VALUE"),
        (["targets[0]=x"], "a list is set whole"),
        (["a=[1"], "a: not valid YAML"),
        (["a=1", "a=2"], "`a` is set twice"),
        (["a=1", "a.b=2"], "`a.b` is set twice"),
        (["a.b=1", "a=2"], "`a` is set twice"),
    ],
)
def test_what_is_no_assignment_is_misuse(given: list[str], said: str) -> None:
    with pytest.raises(CommandFailed) as caught:
        merge_patch(given)
    assert caught.value.status is Exit.USAGE
    assert said in str(caught.value)
