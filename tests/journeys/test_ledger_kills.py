"""Processes end under load, and the store does: what models were asked is in the ledger.

`make outages ARGS=ledger` plays the same at length.
"""

from __future__ import annotations

import sys
from pathlib import Path

from outages.ledger_kills import FEW, processes, store_killed
from outages.report import table
from outages.world import world
from support.postgres import Postgres


def test_calls_with_budgets_are_in_the_ledger_whatever_processes_are_killed(
    tmp_path: Path, postgres: Postgres
) -> None:
    with world(tmp_path / "world", postgres) as made:
        report = processes(made, FEW)
    sys.stdout.write(table([report]))
    assert not report.wrong


def test_without_the_store_lines_wait_and_too_many_are_added_up(tmp_path: Path) -> None:
    with world(tmp_path / "world") as made:
        report = store_killed(made, FEW, once=True)
    sys.stdout.write(table([report]))
    assert not report.wrong
