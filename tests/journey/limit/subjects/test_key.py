"""By key."""

from __future__ import annotations

import pytest

from sluicegate.journey.limit.subjects.key import subject
from support.exchanges import exchange


def test_keys_of_one_consumer_are_told_apart() -> None:
    by = subject("")
    one, other = exchange(), exchange()
    one.consumer_name = other.consumer_name = "ann"
    one.key_id, other.key_id = "k1", "k2"
    assert by(one) != by(other)


def test_who_shows_no_key_is_counted_by_address() -> None:
    assert subject("")(exchange()) == "anonymous:192.0.2.7"


def test_nothing_stands_behind_the_name() -> None:
    with pytest.raises(ValueError, match="write `key`"):
        subject("/1")
