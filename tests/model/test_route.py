from __future__ import annotations

import msgspec
import pytest

from sluicegate.model.route import Match, Route
from sluicegate.model.units import convert


def test_a_match_of_nothing_takes_everything() -> None:
    assert convert({"match": {}}, Route).match == Match(path="/**")


def test_a_route_passes_websocket_upgrades_unless_told() -> None:
    assert convert({"match": {}}, Route).upgrade == ["websocket"]
    assert convert({"match": {}, "upgrade": []}, Route).upgrade == []


def test_time_outs_are_unset_unless_given() -> None:
    assert convert({"match": {}}, Route).timeouts is msgspec.UNSET
    given = convert({"match": {}, "timeouts": {"total": "1s"}}, Route).timeouts
    assert (given.total, given.connect) == (1, 3)


@pytest.mark.parametrize(
    "match",
    [{"path": "a"}, {"methods": ["get"]}, {"methods": []}, {"host": []}, {"headers": {"a": 1}}],
)
def test_a_match_that_takes_nothing_is_refused(match: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        convert({"match": match}, Route)


def test_a_use_of_a_policy_has_one_name() -> None:
    for use in ({}, {"cors": {}, "headers": {}}):
        with pytest.raises(msgspec.ValidationError):
            convert({"match": {}, "policies": [use]}, Route)
