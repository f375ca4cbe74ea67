"""Lists as CSV (RFC 4180), for who opens them in a spreadsheet; and money as it is written there.

A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, and names in the
ledger may be what callers have sent: such text gets a `'` in front, as OWASP advises ("CSV
Injection"). Numbers are written as they are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

MEDIA: Final = "text/csv"
FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
NANO: Final = 10**9


def usd(nano: int) -> str:
    """Write nano-USD as dollars, exactly: `0.0125`, `-3`."""
    whole, rest = divmod(abs(nano), NANO)
    text = f"{whole}.{rest:09}".rstrip("0").rstrip(".")
    return "-" + text if nano < 0 else text


def written(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a table in UTF-8, its first line the columns."""
    text = io.StringIO()
    writer = csv.writer(text)  # \r\n and quotes where they are needed: RFC 4180, section 2
    writer.writerow(columns)
    writer.writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue().encode()


def wants(accept: str | None, form: str | None) -> bool:
    """Say whether CSV was asked for: by `format`, or by an `Accept` that prefers it to JSON."""
    if form is not None:
        return form == "csv"
    return _quality(accept, "text/csv") > _quality(accept, "application/json")


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(FORMULAS):
        return "'" + value
    return value


def _quality(accept: str | None, media: str) -> float:
    """Return how much a type is wanted (RFC 9110, section 12.5.1); 0 where it is not named.

    A range stands for JSON, which there was before there was a choice.
    """
    found = 0.0
    for item in (accept or "").lower().split(","):
        name, *parameters = [part.strip() for part in item.split(";")]
        if name == media or (name in {"*/*", "application/*"} and media == "application/json"):
            given = next((p[2:] for p in parameters if p.startswith("q=")), "1")
            try:
                found = max(found, float(given))
            except ValueError:
                found = max(found, 1.0)
    return found
