"""The reports of all scenarios as markdown: what docs/limits.md shows, and what does not hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from truth.report import Report, Row


def table(reports: Sequence[Report], *, timed: bool) -> str:
    """Return two tables, notes, and below them what does not hold."""
    lines = _rows(
        ("trouble", "limit", "asked", "most", "bound", "let through", "at least", "holds"),
        (
            (report.name if row is report.rows[0] else "", row.name, *_numbers(row))
            for report in reports
            for row in report.rows
        ),
    )
    lines += ["", *_rows(OVERALL, (_overall(report) for report in reports)), ""]
    for report in reports:
        lines += [f"- {report.name}: {note}" for note in report.notes]
    for report in reports:
        lines += [f"- DOES NOT HOLD, {report.name}: {each}" for each in report.broken(timed=timed)]
    return "\n".join(lines) + "\n"


OVERALL = (
    "trouble",
    "asked",
    "without the state",
    "errors",
    "before p99, ms",
    "slowest at first, ms",
    "later p99, ms",
    "recovered, s",
)


def _overall(report: Report) -> tuple[object, ...]:
    return (
        report.name,
        report.asked,
        report.degraded,
        sum(report.errors.values()),
        _number(report.before_ms, 0),
        _number(report.first_ms, 0),
        _number(report.later_ms, 0),
        _number(report.recovered_s, 2),
    )


def _numbers(row: Row) -> tuple[object, ...]:
    bound = "none" if row.bound is None else row.bound
    least = "-" if row.least is None else row.least
    return (row.asked, row.most, bound, row.whole, least, "no" if row.broken() else "yes")


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _rows(head: Sequence[str], cells: Iterable[Sequence[object]]) -> list[str]:
    rows = [list(head), *([str(cell) for cell in row] for row in cells)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * width for width in widths]
    return [
        "| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in (rows[0], rule, *rows[1:])
    ]
