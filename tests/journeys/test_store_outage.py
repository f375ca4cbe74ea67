"""The store is away: nothing that is known fails, and nothing that is unknown is let in or denied.

`make outages` plays the same at length.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from outages.first_starts import nothing_but_a_disk, unmigrated
from outages.outage import SHORT, WAYS, outage
from outages.report import table
from outages.world import world
from support.effort import THOROUGH
from support.postgres import Postgres

IN_SHORT = [way for way in WAYS if THOROUGH or way != "paused"]


@pytest.mark.parametrize("way", IN_SHORT)
def test_without_its_store_a_gateway_serves_what_it_knows(tmp_path: Path, way: str) -> None:
    with world(tmp_path / "world") as made:
        report = outage(made, way, SHORT)
    sys.stdout.write(table([report]))
    assert not report.wrong


def test_a_replica_starts_from_its_disk_and_one_without_waits(tmp_path: Path) -> None:
    with world(tmp_path / "world") as made:
        report = nothing_but_a_disk(made, 2)
    sys.stdout.write(table([report]))
    assert not report.wrong


@pytest.mark.parametrize("workers", [1, 2])
def test_a_replica_ends_and_says_what_nobody_has_prepared(
    tmp_path: Path, postgres: Postgres, workers: int
) -> None:
    with world(tmp_path / "world", postgres) as made:
        report = unmigrated(made, workers)
    assert not report.wrong
