"""What checks have found out about one target, and what follows. Pure: times in, verdicts out.

Two questions, of which only the first needs a `check` in the configuration:

    down or up   `unhealthy` checks failed in a row take it down, `healthy` passed in a row bring it
                 back up. A target that was never checked is up (HAProxy's `init-state fully-up`).
    back         a worker left it out for a time of its own. When it could not be connected to, or
                 a check has failed since, then passing means that it came back: the rest of the
                 time need not be waited for. What was reachable all along serves its time.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sluicegate.model.resilience import Check

AWAY_S = 0.5
"""Between two checks of a target that is out or down, at most: how soon its return is seen."""
LEAST_S = 0.1
"""Between two checks at least, whatever is configured."""

Verdict = Literal["up", "down", "back"]


class Findings:
    """The state of one target. `check` is None where only its return is looked for."""

    __slots__ = ("_failed", "_out_until", "_passed", "_suspect", "check", "down")

    def __init__(self, check: Check | None) -> None:
        """Start with a target that nothing bad is known of."""
        self.check = check
        self.down = False
        self._passed = self._failed = 0
        self._out_until = -inf
        self._suspect = False

    @property
    def failed(self) -> int:
        """Checks that failed in a row, up to now."""
        return self._failed

    def resume(self, before: Findings) -> None:
        """Go on with what was found under an earlier configuration; counts only under the same."""
        self.down = before.down and self.check is not None
        self._out_until, self._suspect = before._out_until, before._suspect
        if self.check == before.check:
            self._passed, self._failed = before._passed, before._failed

    def out(self, until: float, *, unreachable: bool) -> None:
        """Take notice that a worker leaves it out until `until` (monotonic seconds)."""
        self._out_until = max(self._out_until, until)
        self._suspect = self._suspect or unreachable
        self._passed = 0

    def pause(self, now: float) -> float | None:
        """Return the seconds between two checks as it stands now; None: there is no need of any."""
        out = now < self._out_until
        if self.check is None:
            return AWAY_S if out else None
        interval_s = max(float(self.check.interval), LEAST_S)
        return min(interval_s, AWAY_S) if out or self.down else interval_s

    def took(self, now: float, *, passed: bool) -> Verdict | None:
        """Take the result of a check; return what others have to be told, None for nothing new."""
        self._passed = self._passed + 1 if passed else 0
        self._failed = 0 if passed else self._failed + 1
        out = now < self._out_until
        if not out:
            self._suspect = False
        elif not passed:
            self._suspect = True
        return self._health() or (self._return() if out and passed else None)

    def _health(self) -> Verdict | None:
        check = self.check
        if check is None:
            return None
        if self.down and self._passed >= check.healthy:
            self.down = False
            self._readmit()
            return "up"
        if not self.down and self._failed >= check.unhealthy:
            self.down = True
            return "down"
        return None

    def _return(self) -> Verdict | None:
        """Decide about a target that is left out and has passed."""
        needed = 1 if self.check is None else self.check.healthy
        if self._suspect:
            if self.down or self._passed < needed:
                return None
            self._readmit()
            return "back"
        if self.check is None:
            self._readmit()  # reachable all along: its time decides, and nobody has to look
        return None

    def _readmit(self) -> None:
        self._out_until, self._suspect = -inf, False
