"""What is changed through one replica holds in all of them, whatever happens meanwhile.

`make outages` plays the same at length, with the bounds on time as they are documented.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from outages.report import Report, table
from outages.revocation import management_killed, revocation
from outages.secrecy import secrecy
from outages.two_admins import two_admins
from outages.two_regions import two_regions
from outages.world import World, world
from support.postgres import Postgres

BUSY = 5.0
"""How much longer anything may take here than is documented: other tests run beside it."""


@pytest.fixture
def three(tmp_path: Path, postgres: Postgres) -> Iterator[World]:
    """Return a world of three replicas with two workers each."""
    with world(tmp_path / "world", postgres) as made:
        made.site.crew(2, 2, 2)
        yield made


def has_held(report: Report) -> None:
    sys.stdout.write(table([report]))
    assert not report.wrong


def test_what_is_changed_through_one_replica_holds_in_all(three: World) -> None:
    """Four scenarios on the same replicas: their start takes longer than all of these."""
    has_held(revocation(three, 1, BUSY))
    has_held(management_killed(three, 1, BUSY))
    has_held(two_admins(three, 3))
    has_held(secrecy(three))


def test_regions_that_write_the_same_names_at_once_agree_on_every_replica(tmp_path: Path) -> None:
    with world(tmp_path / "world") as made:
        has_held(two_regions(made, 4, 3))
