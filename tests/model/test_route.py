from __future__ import annotations

import msgspec
import pytest

from sluicegate.model.route import Match, Route
from sluicegate.model.service import Timeouts
from sluicegate.model.units import Duration, convert


def test_a_match_of_nothing_takes_everything() -> None:
    assert convert({"match": {}}, Route).match == Match(path="/**")


def test_a_route_passes_websocket_upgrades_unless_told() -> None:
    assert convert({"match": {}}, Route).upgrade == ["websocket"]
    assert convert({"match": {}, "upgrade": []}, Route).upgrade == []


def test_time_outs_that_are_not_given_are_the_services() -> None:
    service = Timeouts(connect=Duration(7), total=Duration(9))
    assert convert({"match": {}}, Route).timeouts.over(service) is service
    given = convert({"match": {}, "timeouts": {"total": "0", "idle": "2s"}}, Route).timeouts
    assert given.over(service) == Timeouts(connect=Duration(7), total=Duration(0), idle=Duration(2))


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
