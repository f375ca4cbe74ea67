"""What a scenario has measured, and what did not hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from outages.load import Load


@dataclass
class Report:
    """`measured` are pairs of what and how much; `wrong` says what was not as it must be."""

    name: str
    measured: list[tuple[str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def note(self, what: str, figure: object) -> None:
        """Keep a figure."""
        self.measured.append((what, str(figure)))

    def must(self, holds: object, what: str) -> None:
        """Keep what does not hold."""
        if not holds:
            self.wrong.append(what)

    def times(self, what: str, taken_s: Sequence[float], at_most_s: float) -> None:
        """Keep times, and that all were within a bound."""
        shown = "/".join(f"{each:.2f}" for each in (min(taken_s), max(taken_s)))
        self.note(f"{what}, min/max s of {len(taken_s)}", shown)
        self.must(max(taken_s) <= at_most_s, f"{what}: {max(taken_s):.2f} s, above {at_most_s} s")

    def load(self, load: Load) -> None:
        """Keep what clients saw, and that nothing of it had failed."""
        self.note("requests", len(load.asked))
        self.note("failed requests", len(load.failed))
        self.note("slowest request, ms", f"{load.slowest_ms:.0f}")
        self.must(load.asked, "nothing was asked")
        self.must(not load.failed, f"requests failed: {load.statuses}, {load.failed[:3]}")


def table(reports: Sequence[Report]) -> str:
    """Return a table as markdown, and below it what does not hold."""
    rows = [("what happens", "what was measured", "figure")]
    for report in reports:
        rows += [
            (report.name if not number else "", what, figure)
            for number, (what, figure) in enumerate(report.measured)
        ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    rows.insert(1, ("-" * widths[0], "-" * widths[1], "-" * widths[2]))
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    for report in reports:
        lines += [f"- DOES NOT HOLD, {report.name}: {each}" for each in report.wrong]
    return "\n".join(lines) + "\n"
