"""By consumer."""

from __future__ import annotations

import pytest

from sluicegate.journey.limit.subjects.consumer import subject
from support.exchanges import exchange


def test_a_consumer_is_counted_by_name_wherever_they_call_from() -> None:
    by = subject("")
    here, there = exchange(client_ip="192.0.2.1"), exchange(client_ip="192.0.2.2")
    here.consumer_name = there.consumer_name = "ann"
    assert by(here) == by(there)


def test_who_is_anonymous_is_counted_by_address_and_never_as_a_consumer() -> None:
    by = subject("")
    named = exchange()
    named.consumer_name = by(exchange(client_ip="192.0.2.1"))
    assert by(named) != named.consumer_name
    assert by(exchange(client_ip="192.0.2.1")) != by(exchange(client_ip="192.0.2.2"))


def test_nothing_stands_behind_the_name() -> None:
    with pytest.raises(ValueError, match="write `consumer`"):
        subject(":ann")
