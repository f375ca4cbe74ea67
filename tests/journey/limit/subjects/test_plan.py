"""By plan."""

from __future__ import annotations

import pytest

from sluicegate.journey.limit.subjects.plan import subject
from support.exchanges import exchange


def test_consumers_of_a_plan_share() -> None:
    by = subject("")
    ann, bob, cy = exchange(), exchange(), exchange()
    ann.consumer_name, bob.consumer_name, cy.consumer_name = "ann", "bob", "cy"
    ann.plan = bob.plan = "free"
    cy.plan = "pro"
    assert by(ann) == by(bob) != by(cy)


def test_callers_without_a_plan_share_and_are_no_plan() -> None:
    by = subject("")
    tricky = exchange()
    tricky.plan = "-"
    assert by(exchange()) == by(exchange(client_ip="192.0.2.9")) != by(tricky)


def test_nothing_stands_behind_the_name() -> None:
    with pytest.raises(ValueError, match="write `plan`"):
        subject(":free")
