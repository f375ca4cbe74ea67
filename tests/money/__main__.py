"""`make money`: budgets and costs at length, a table, and exit status 1 if something does not hold.

python -m money [WORD …]      only scenarios whose names hold one of the words
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from money.scenarios import BUDGETS, COSTS, COSTS_CREW, REPLICAS, TIMES, Scenario
from money.world import Crew, World, world
from outages.report import Report, table

MOST_SAID = 2000


def main(words: list[str]) -> int:
    """Play and print; returns the exit status."""
    reports: list[Report] = []
    with TemporaryDirectory() as folder:
        budgets, costs = _wanted(BUDGETS, words), _wanted(COSTS, words)
        if budgets:
            reports += _before(Path(folder) / "budgets", REPLICAS, budgets, TIMES)
        for turn in range(TIMES if costs else 0):
            reports += _before(Path(folder) / f"costs-{turn}", COSTS_CREW, costs, 1)
    shown: dict[str, Report] = {}
    for report in reports:  # of those of a name, the first that is wrong, else the last
        before = shown.get(report.name)
        if before is None or not before.wrong:
            shown[report.name] = report
    for name, report in shown.items():
        same = [each for each in reports if each.name == name]
        held = sum(not each.wrong for each in same)
        report.note("held", f"{held} of {len(same)} times")
    sys.stdout.write(table(list(shown.values())))
    return int(any(report.wrong for report in reports))


def _wanted(scenarios: Mapping[str, Scenario], words: list[str]) -> dict[str, Scenario]:
    return {
        name: each
        for name, each in scenarios.items()
        if not words or any(word in name for word in words)
    }


def _before(
    folder: Path, crew: Crew, scenarios: Mapping[str, Scenario], times: int
) -> list[Report]:
    """Play scenarios before the same replicas, each so often."""
    reports: list[Report] = []
    try:
        with world(folder, crew) as made:
            for name, scenario in scenarios.items():
                sys.stderr.write(f"{name} …\n")
                reports += [_played(name, scenario, made) for _ in range(times)]
    except (AssertionError, OSError) as error:
        wrong = [f"the replicas did not end as they should: {str(error)[-MOST_SAID:]}"]
        reports.append(Report("the end", wrong=wrong))
    return reports


def _played(name: str, scenario: Scenario, made: World) -> Report:
    """Play one; what goes wrong with it must not take the others along."""
    try:
        return scenario(made)
    except (AssertionError, OSError, EOFError, TimeoutError, httpx.HTTPError) as error:
        return Report(name, wrong=[f"it could not be played: {str(error)[:MOST_SAID]}"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
