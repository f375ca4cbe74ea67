"""What a call costs: the same plain and streamed, told, written down and counted, to the nano-USD.

Before replicas with one worker and with two, for each dialect of provider and each of caller;
`make money` plays the same more often.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from money.scenarios import COSTS, COSTS_CREW
from money.world import World, world
from outages.report import table
from support.postgres import Postgres


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[World]:
    """Replicas, each of whose plays has a budget of its own."""
    with world(tmp_path_factory.mktemp("money") / "world", COSTS_CREW, postgres) as made:
        yield made


@pytest.mark.parametrize("name", COSTS)
def test_a_call_costs_the_same_wherever_it_is_told(replicas: World, name: str) -> None:
    report = COSTS[name](replicas)
    sys.stdout.write(table([report]))
    assert not report.wrong
