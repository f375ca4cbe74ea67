"""The reports of all scenarios as one text: a row for each measure, a column for each scenario."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chaos.scenarios import Report
from chaos.verdicts import FAULTS, RECOVERY_S, SAVABLE


def table(reports: Sequence[Report], *, timed: bool) -> str:
    """Return the table, and below it what was lost and why, notes, and what does not hold."""
    rows = [["", *(report.name for report in reports)]]
    rows += [[name, *(str(cell(report)) for report in reports)] for name, cell in ROWS]
    lines = aligned(rows)
    for report in reports:
        lines += ["", f"{report.name}:"]
        lines += [f"  lost: {count}: {why}" for why, count in report.lost.most_common()]
        lines += [f"  {note}" for note in report.notes]
        lines += [f"  DOES NOT HOLD: {wrong}" for wrong in report.broken(timed=timed)]
    return "\n".join(lines) + "\n"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a line for each row: the first column to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]


def _faults(report: Report) -> int:
    return sum(report.lost[why] for why in FAULTS)


def _seconds(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _statuses(report: Report) -> str:
    found = sorted(report.all_dead.items())
    return ", ".join(f"{count} of {status or 'none'}" for status, count in found) or "-"


ROWS: tuple[tuple[str, Callable[[Report], object]], ...] = (
    ("requests sent", lambda r: r.sent),
    ("answered", lambda r: r.ok),
    ("saved by a retry", lambda r: r.saved),
    ("lost, could not be saved", lambda r: sum(r.lost.values()) - _faults(r)),
    ("could be saved and were not (0)", lambda r: r.lost[SAVABLE]),
    ("POSTs read twice by targets (0)", lambda r: r.posts_twice),
    ("retries, % of attempts", lambda r: f"{r.retries_percent:.2f}"),
    ("death to first ejection, s", lambda r: _seconds(r.ejected_s)),
    (
        "errors after it (0)",
        lambda r: sum(r.after_ejection.values()) if r.expects_ejection else "-",
    ),
    ("all dead: answers", _statuses),
    ("all dead: p99 of the 503s, ms", lambda r: _seconds(r.all_dead_p99_ms, 0)),
    (f"last error after return, s (≤ {RECOVERY_S:g})", lambda r: _seconds(r.recovered_s)),
)
