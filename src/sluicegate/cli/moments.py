"""Moments on a command line: `2027-01-31T00:00:00Z`, or how long from now: `90d`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sluicegate.cli.exits import CommandFailed, Exit
from sluicegate.model.units import Duration

if TYPE_CHECKING:
    from sluicegate.clock import Clock


def moment(text: str | None, clock: Clock) -> str | None:
    """Return RFC 3339 in UTC, whole seconds; None of None. Raises CommandFailed."""
    if text is None:
        return None
    try:
        delay = timedelta(seconds=Duration.parse(text))
    except ValueError:
        return _written(text)
    now = datetime.fromtimestamp(clock.wall_us() // 10**6, UTC)
    return _rfc3339(now + delay)


def _written(text: str) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        expected = "expected a moment with its zone, such as 2027-01-31T00:00:00Z, or 90d from now"
        raise CommandFailed(Exit.USAGE, f"found `{text}`; {expected}")
    return _rfc3339(found)


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
