from __future__ import annotations

import msgspec
import pytest

from sluicegate.model.resource import FieldFault, Resource


class Thing(Resource, frozen=True, kw_only=True):
    size: int = 1


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `colour`"):
        msgspec.convert({"colour": "red"}, Thing)


def test_equal_things_are_the_same_and_never_change() -> None:
    assert Thing(size=2) == Thing(size=2) != Thing()
    assert hash(Thing(size=2)) == hash(Thing(size=2))
    with pytest.raises(AttributeError):
        Thing().size = 3  # type: ignore[misc]


def test_a_fault_of_a_field_says_where_it_is() -> None:
    fault = FieldFault(("allow", 1), "write less")
    assert (fault.part, str(fault)) == (("allow", 1), "write less")
