"""`make chaos`: every scenario at length, the table, and exit status 1 if something does not hold.

python -m chaos [WORD …]      only scenarios whose names hold one of the words
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from chaos.scenarios import LONG, SETUPS, Report, play
from chaos.table import table


def main(words: list[str]) -> int:
    """Play and print; returns the exit status."""
    reports: list[Report] = []
    with TemporaryDirectory() as folder:
        for number, setup in enumerate(SETUPS):
            if words and not any(word in setup.name for word in words):
                continue
            sys.stderr.write(f"{setup.name} …\n")
            reports.append(asyncio.run(play(setup, LONG, Path(folder) / str(number))))
    sys.stdout.write(table(reports, timed=LONG.timed))
    return int(any(report.broken(timed=LONG.timed) for report in reports))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
