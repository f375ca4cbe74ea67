"""By route."""

from __future__ import annotations

import pytest

from sluicegate.journey.limit.subjects.route import subject
from support.exchanges import exchange


def test_all_callers_of_a_route_share() -> None:
    by = subject("")
    assert by(exchange(route="a")) == by(exchange(route="a", client_ip="192.0.2.1"))
    assert by(exchange(route="a")) != by(exchange(route="b"))


def test_before_there_is_a_route_all_share() -> None:
    by = subject("")
    assert by(exchange(route=None)) == by(exchange(route=None, client_ip="192.0.2.1"))
    assert by(exchange(route=None)) != by(exchange(route="-"))


def test_nothing_stands_behind_the_name() -> None:
    with pytest.raises(ValueError, match="write `route`"):
        subject(":a")
