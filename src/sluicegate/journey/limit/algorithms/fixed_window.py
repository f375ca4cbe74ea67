"""Fixed window: so many per second, minute, hour or day of the clock (UTC).

Cheap and easy to explain. Its known price: up to twice the limit around the end of a window.
"""

from __future__ import annotations

from sluicegate.state.contract import NEVER, Counts, Outcome


class FixedWindow:
    """`limit` units per window of `period_us`; windows are aligned to 1970-01-01 UTC.

    Counts: the start of the window in µs, and the units used in it.
    """

    __slots__ = ("limit", "period_us")

    def __init__(self, limit: int, period_us: int) -> None:
        """Keep the numbers."""
        self.limit = limit
        self.period_us = period_us

    def decide(self, counts: Counts | None, now_us: int, cost: int) -> tuple[Outcome, Counts]:
        """Say whether `cost` may be had at `now_us`, and what to keep then. Pure."""
        start_us = now_us - now_us % self.period_us
        used = 0
        # A window later than now means that the clock was set back: that window goes on.
        if counts is not None and counts[0] >= start_us:
            start_us, used = counts
        reset_us = start_us + self.period_us - now_us
        after = used + cost
        if after > self.limit:
            retry_us = NEVER if cost > self.limit else reset_us
            outcome = Outcome(False, self.limit, self.limit - used, reset_us, retry_us)
            return outcome, counts or (start_us, 0)
        return Outcome(True, self.limit, self.limit - after, reset_us, 0), (start_us, after)
