"""By team."""

from __future__ import annotations

import pytest

from sluicegate.exchange import Exchange
from sluicegate.journey.limit.subjects.team import subject
from sluicegate.model.consumer import Consumer
from support.exchanges import exchange


def calling(name: str, team: str | None) -> Exchange:
    made = exchange()
    made.consumer_name, made.consumer = name, Consumer(team=team)
    return made


def test_consumers_of_a_team_share() -> None:
    by = subject("")
    assert by(calling("ann", "blue")) == by(calling("bob", "blue")) != by(calling("cy", "red"))


def test_a_consumer_without_a_team_is_counted_alone_and_is_no_team() -> None:
    by = subject("")
    seen = [
        by(calling("ann", None)),
        by(calling("bob", None)),
        by(calling("cy", "ann")),
        by(calling("dee", "alone:=ann")),
        by(exchange()),
        by(exchange(client_ip="192.0.2.8")),
    ]
    assert len(set(seen)) == len(seen)
    assert by(calling("ann", None)) == seen[0]


def test_nothing_stands_behind_the_name() -> None:
    with pytest.raises(ValueError, match="write `team`"):
        subject(":blue")
