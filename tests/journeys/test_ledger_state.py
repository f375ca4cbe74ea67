"""The state of budgets is lost or away: what of the ledger goes with it, and what budgets let in.

`make outages ARGS=ledger` plays the same at length.
"""

from __future__ import annotations

import sys
from pathlib import Path

from outages.ledger_alerts import webhook_away
from outages.ledger_state import FEW, came_back_empty, failed_over
from outages.report import table
from outages.world import world
from support.postgres import Postgres


def test_a_primary_that_is_killed_loses_no_more_than_what_was_not_replicated(
    tmp_path: Path, postgres: Postgres
) -> None:
    with world(tmp_path / "world", postgres) as made:
        report = failed_over(made, FEW)
    sys.stdout.write(table([report]))
    assert not report.wrong


def test_a_state_that_comes_back_empty_loses_no_more_than_the_lines_that_waited(
    tmp_path: Path, postgres: Postgres
) -> None:
    with world(tmp_path / "world", postgres) as made:
        report = came_back_empty(made, FEW)
    sys.stdout.write(table([report]))
    assert not report.wrong


def test_alerts_of_budgets_come_once_their_webhook_is_back(
    tmp_path: Path, postgres: Postgres
) -> None:
    with world(tmp_path / "world", postgres) as made:
        report = webhook_away(made, killed=False)
    sys.stdout.write(table([report]))
    assert not report.wrong
