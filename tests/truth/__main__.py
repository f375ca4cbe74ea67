"""`make truth`: every scenario at length, the tables, and exit status 1 if something does not hold.

python -m truth [WORD …]      only scenarios whose names hold one of the words
python -m truth --short …     as `make test` plays them
python -m truth --write       put the tables into docs/limits.md too
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redis import RedisError

from truth.report import Report
from truth.scenarios import LONG, SETUPS, SHORT, play
from truth.slots import play_slots
from truth.table import table

SLOTS = "slots: clients that leave, a killed replica"
PAGE = Path(__file__).parents[2] / "docs" / "limits.md"
MOST_SAID = 200
BEGIN, END = "<!-- truth: begin -->\n", "<!-- truth: end -->"


def main(arguments: list[str]) -> int:
    """Play and print; returns the exit status."""
    pace = SHORT if "--short" in arguments else LONG
    words = [word for word in arguments if not word.startswith("-")]
    reports: list[Report] = []
    with TemporaryDirectory() as folder:
        plays = [
            (setup.name, play(setup, pace, Path(folder) / str(number)))
            for number, setup in enumerate(SETUPS)
        ]
        plays.append((SLOTS, play_slots(SLOTS, pace.trouble_s, Path(folder) / "slots")))
        for name, work in plays:
            if words and not any(word in name for word in words):
                work.close()
            else:
                sys.stderr.write(f"{name} …\n")
                reports.append(_played(name, work))
    text = table(reports, timed=pace.timed)
    sys.stdout.write(text)
    if "--write" in arguments:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}{text}{END}{rest.partition(END)[2]}")
    return int(any(report.broken(timed=pace.timed) for report in reports))


def _played(name: str, work: Coroutine[Any, Any, Report]) -> Report:
    """Play one to its end; what goes wrong with it must not take the others along."""
    try:
        return asyncio.run(work)
    except (AssertionError, OSError, TimeoutError, RedisError) as error:
        sys.stderr.write(f"{error}\n")
        return Report(name, wrong=[f"it could not be played: {str(error)[:MOST_SAID]}"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
