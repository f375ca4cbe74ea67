from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from sluicegate.journey.record.archive import Config, Policy
from sluicegate.model.resource import FieldFault
from sluicegate.model.units import Duration, Size
from sluicegate.policy import Parts
from support.archived import ToggledArchive
from support.exchanges import parts
from support.mock_clock import MockClock


def made(**config: Any) -> Policy:
    with_archive: Parts = replace(parts(MockClock()), archive=ToggledArchive())
    return Policy(Config(routes=("chat",), **config), with_archive)


def test_it_has_to_be_said_which_routes_are_kept() -> None:
    with pytest.raises(msgspec.ValidationError, match="routes"):
        msgspec.convert({}, Config)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"routes": []}, Config)


@pytest.mark.parametrize(
    ("config", "at"),
    [
        ({"max_bytes": Size(0)}, "max_bytes"),
        ({"max_bytes": Size(5 * 1024 * 1024)}, "max_bytes"),
        ({"retention": Duration(1)}, "retention"),
        ({"routes": ("a*b",)}, "routes"),
        ({"consumers": ("a*b",)}, "consumers"),
    ],
)
def test_what_cannot_be_is_refused_by_name(config: dict[str, Any], at: str) -> None:
    with pytest.raises(FieldFault) as found:
        Config(**{"routes": ("chat",), **config})
    assert found.value.part[0] == at


def test_an_expression_that_may_take_long_is_refused() -> None:
    with pytest.raises(ValueError, match="`order`"):
        made(patterns={"order": "(a+)+"})


def test_without_a_store_there_is_no_archive() -> None:
    with pytest.raises(ValueError, match="no store"):
        Policy(Config(routes=("chat",)), parts(MockClock()))


def test_by_default_everything_that_is_known_to_be_secret_is_taken_out() -> None:
    assert Config(routes=("chat",)).redact == ("email", "card", "key", "phone")
    assert made()
