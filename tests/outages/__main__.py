"""`make outages`: trouble with the store at length, a table, and exit status 1 if it goes wrong.

python -m outages [WORD …]      only scenarios whose names hold one of the words
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from outages.report import Report, table
from outages.scenarios import SCENARIOS, Scenario
from outages.world import world

MOST_SAID = 500


def main(words: list[str]) -> int:
    """Play and print; returns the exit status."""
    reports: list[Report] = []
    with TemporaryDirectory() as folder:
        for number, (name, scenario) in enumerate(SCENARIOS.items()):
            if words and not any(word in name for word in words):
                continue
            sys.stderr.write(f"{name} …\n")
            reports.append(_played(name, scenario, Path(folder) / str(number)))
    sys.stdout.write(table(reports))
    return int(any(report.wrong for report in reports))


def _played(name: str, scenario: Scenario, folder: Path) -> Report:
    """Play one to its end; what goes wrong with it must not take the others along."""
    try:
        with world(folder) as made:
            return scenario(made)
    except (AssertionError, OSError, EOFError, httpx.HTTPError) as error:
        return Report(name, wrong=[f"it could not be played: {str(error)[:MOST_SAID]}"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
