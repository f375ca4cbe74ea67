"""Refusals that are still true: a caller who is told to wait is not counted again meanwhile.

A refusal charges nothing, and counts only fall with time. So what was refused with `retry_after_us`
is refused until then, whoever asks, and asking again would change nothing. The time counts on this
process' monotonic clock from before the question was sent, so it ends here no later than it does
where it was decided. It ends after a second in any case, so that a count that somebody has reset is
felt. Not remembered is whatever can be given back; see `Rule.remembers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sluicegate.state.contract import Outcome

MOST: Final = 10_000
"""Subjects; about 4 MB. The oldest one is forgotten first."""
SECOND_US: Final = 1_000_000
BELIEVED_S: Final = 1.0


class Refusals:
    """The refusals of one rule, by subject."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        """Start with none."""
        self._known: dict[str, tuple[float, float, list[Outcome]]] = {}

    def remember(self, subject: str, outcomes: Sequence[Outcome], asked_at: float) -> None:
        """Keep what was said to a question of `asked_at` (monotonic seconds)."""
        wait_us = max(outcome.retry_after_us for outcome in outcomes)
        if wait_us <= 0 or min(outcome.retry_after_us for outcome in outcomes) < 0:
            return
        known = self._known
        known.pop(subject, None)
        if len(known) >= MOST:
            del known[next(iter(known))]
        until = asked_at + min(BELIEVED_S, wait_us / SECOND_US)
        known[subject] = (until, asked_at, list(outcomes))

    def find(self, subject: str, now: float) -> list[Outcome] | None:
        """Return what holds for `subject` at `now`, None where it has to be asked."""
        found = self._known.get(subject)
        if found is None:
            return None
        until, asked_at, outcomes = found
        if now >= until:
            del self._known[subject]
            return None
        passed_us = int((now - asked_at) * SECOND_US)
        return [_later(outcome, passed_us) for outcome in outcomes]


def _later(outcome: Outcome, passed_us: int) -> Outcome:
    retry_us = max(0, outcome.retry_after_us - passed_us)
    reset_us = max(0, outcome.reset_us - passed_us)
    return Outcome(outcome.admitted, outcome.limit, outcome.remaining, reset_us, retry_us)
