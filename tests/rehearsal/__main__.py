"""`make rehearsal`: the chart installed, changed, hurt and scaled under load, as a table.

python -m rehearsal [WORD …]      only scenarios whose names hold one of the words

While it runs, `kubectl --server URL get pods --watch` shows it; the URL is the first line it says.
Exit status 1 when a request failed that could have been saved, or anything else does not hold; 2
for a word that is in no scenario's name.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rehearsal.differences import differences
from rehearsal.play import Setup, chosen, play
from rehearsal.report import Report
from rehearsal.scenarios import LONG
from rehearsal.table import table
from rehearsal.world import world


async def rehearse(setups: Sequence[Setup], folder: Path) -> int:
    """Play and print; returns the exit status."""
    reports: list[Report] = []
    async with world(folder) as at:
        sys.stderr.write(f"to look at it: kubectl --server {at.cluster.api.url} get pods\n")
        for setup in setups:
            sys.stderr.write(f"{setup.name} …\n")
            reports.append(await play(setup, at, LONG))
            if reports[0].broken:
                break  # there is nothing to rehearse with
        sys.stdout.write(table(reports, differences(at.all_values)))
    return int(any(report.broken for report in reports))


def main(words: list[str]) -> int:
    """Rehearse in a folder of its own."""
    try:
        setups = chosen(words)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with TemporaryDirectory(prefix="rehearsal-") as folder:
        return asyncio.run(rehearse(setups, Path(folder)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
