"""Instants as the API writes them: RFC 3339 in UTC, to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def instant(at_us: int) -> datetime:
    """Return a time given in microseconds since 1970."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at_us)


def micros(at: datetime) -> int:
    """Return microseconds since 1970 of a time that knows its zone."""
    return (at - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
