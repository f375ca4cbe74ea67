"""Budgets before three replicas with two workers each, under calls that all come at once.

What is let through, answered, asked of the provider, counted and written down is the same to the
nano-USD; and a state that was emptied begins again with what is written down. `make money` plays
the same more often.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from money.scenarios import BUDGETS, REPLICAS
from money.world import World, world
from outages.report import table
from support.postgres import Postgres


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[World]:
    """Replicas, each of whose plays has a budget of its own."""
    with world(tmp_path_factory.mktemp("money") / "world", REPLICAS, postgres) as made:
        yield made


@pytest.mark.parametrize("name", BUDGETS)
def test_a_budget_holds(replicas: World, name: str) -> None:
    report = BUDGETS[name](replicas)
    sys.stdout.write(table([report]))
    assert not report.wrong
