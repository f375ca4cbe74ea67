"""Moments on a command line: `2027-01-31T00:00:00Z`, or how long from now, or ago: `90d`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sluicegate.cli.exits import CommandFailed, Exit
from sluicegate.model.units import Duration

if TYPE_CHECKING:
    from sluicegate.clock import Clock


DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", re.ASCII)
FROM_NOW: Final = "expected a moment with its zone, such as 2027-01-31T00:00:00Z, or 90d from now"
AGO: Final = "expected a day, a moment with its zone such as 2027-01-31T00:00:00Z, or 7d for ago"


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


def past(text: str | None, clock: Clock) -> str | None:
    """Return RFC 3339 in UTC: of a moment, of a day's beginning in UTC, or of how long ago."""
    if text is None:
        return None
    try:
        delay = timedelta(seconds=Duration.parse(text))
    except ValueError:
        return _written(f"{text}T00:00:00Z" if DAY.match(text) else text, AGO)
    return _rfc3339(datetime.fromtimestamp(clock.wall_us() // 10**6, UTC) - delay)


def _written(text: str, expected: str = FROM_NOW) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise CommandFailed(Exit.USAGE, f"found `{text}`; {expected}")
    return _rfc3339(found)


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
