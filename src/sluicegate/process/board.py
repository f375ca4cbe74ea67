"""What processes have told of targets and still holds, for those that start later. No I/O.

Only what keeps a target from taking calls is held: that a worker left it out, until its time is
over, and that it is down by its checks. So a replica in good health holds nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from sluicegate.upstream.health.news import News


class Board:
    """The news that a new process has missed."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._down: dict[tuple[str, str], News] = {}
        self._out: dict[tuple[str, str], tuple[News, float]] = {}

    def heard(self, news: News, now: float) -> None:
        """Take news at `now`, in monotonic seconds."""
        self._expire(now)
        key = (news.service, news.target)
        match news.event:
            case "down":
                self._down[key] = news
            case "out":
                self._out[key] = (news, now + news.seconds)
            case "up":
                self._down.pop(key, None)
                self._out.pop(key, None)
            case "back":
                self._out.pop(key, None)

    def current(self, now: float) -> list[News]:
        """Return what holds at `now`; each `out` with the seconds that are left of it."""
        self._expire(now)
        left = [
            msgspec.structs.replace(news, seconds=until - now) for news, until in self._out.values()
        ]
        return [*self._down.values(), *left]

    def _expire(self, now: float) -> None:
        for key in [key for key, (_, until) in self._out.items() if until <= now]:
            del self._out[key]
