"""The reports of all scenarios as one text: a row for each scenario, a column for each measure."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence

from chaos.table import aligned
from rehearsal.report import Report

WIDE = 110
"""Characters of a line."""

UNREAD = "a POST that no upstream has read, which only the Ingress could have saved, had it known"
READ = "a POST that the upstream has read, or an answer that had begun; nobody could have saved it"
SEEN = "every gateway had another"


def table(reports: Sequence[Report], differences: Sequence[str] = ()) -> str:
    """Return the table; below it what columns mean, what was lost, notes, what differs."""
    rows = [["", *(name for name, _, _ in COLUMNS)]]
    rows += [[each.name, *(cell(each) for _, _, cell in COLUMNS)] for each in reports]
    lines = [*aligned(rows), ""]
    widest = max(len(name) for name, _, _ in COLUMNS)
    for name, meaning, _ in COLUMNS:
        begin, rest = f"  {name.ljust(widest)}  ", " " * (widest + 4)
        lines += textwrap.wrap(meaning, WIDE, initial_indent=begin, subsequent_indent=rest)
    for report in reports:
        lines += ["", f"{report.name}:", *_wrapped(_said(report))]
    if differences:
        lines += ["", "not as the chart has it, here:", *_wrapped(differences)]
    return "\n".join(lines) + "\n"


def _said(report: Report) -> Iterator[str]:
    if len({ready for _, _, ready in report.replicas}) > 1:
        yield f"replicas ready: {report.over_time}"
    for why, count in report.lost.most_common():
        yield f"lost: {count}: {why}"
    for what, count in report.statuses.most_common(8):
        yield f"  told: {count}: {what}"
    yield from report.notes
    for wrong in report.broken:
        yield f"DOES NOT HOLD: {wrong}"


def _wrapped(lines: Sequence[str] | Iterator[str]) -> list[str]:
    found: list[str] = []
    for each in lines:
        found += textwrap.wrap(
            each, WIDE, initial_indent="  ", subsequent_indent="      ", break_on_hyphens=False
        )
    return found


def _count(value: int, report: Report) -> str:
    return str(value) if report.sent else "-"


def _number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


COLUMNS: tuple[tuple[str, str, Callable[[Report], str]], ...] = (
    ("sent", "requests of all clients; - where a scenario sends none", lambda r: _count(r.sent, r)),
    ("answered", "with the whole of the upstream's answer", lambda r: _count(r.ok, r)),
    ("savable", "failed without a reason below: has to be 0", lambda r: _count(r.savable, r)),
    ("ingress", f"failed with a killed pod: {UNREAD}", lambda r: _count(r.with_the_ingress, r)),
    ("lost", f"failed with a killed pod: {READ}", lambda r: _count(r.beyond_saving, r)),
    ("p50 ms", "of what was answered, streams left out", lambda r: _number(r.p50_ms)),
    ("p99 ms", "the same", lambda r: _number(r.p99_ms)),
    ("drain s", "a gateway's longest, from deletion to end", lambda r: _number(r.drain_s, 1)),
    ("failover s", f"from the kill of Valkey's primary until {SEEN}",
     lambda r: _number(r.failover_s, 1)),
    ("fewest", "gateways that were ready at any time", lambda r: _number(r.fewest)),
)  # fmt: skip
"""A heading, what it means, and the cell of a report."""
