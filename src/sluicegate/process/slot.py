"""When to start, kill and stand in for the process of a slot. No I/O: times in, decisions out."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_DELAY_S = 0.1
LAST_DELAY_S = 10.0


@dataclass(frozen=True, slots=True)
class Timings:
    """How the supervisor keeps time, in seconds."""

    beat_s: float = 1.0
    silence_s: float = 10.0
    start_s: float = 60.0
    """How long a process may take until it is first heard: imports, on a machine with no time."""
    adopt_after_s: float = 1.0
    healthy_s: float = 60.0
    scrape_s: float = 0.25
    tick_s: float = 0.1
    poll_s: float = 1.0
    margin_s: float = 5.0
    """What a process gets beyond the deadline of a drain before it is killed."""


def restart_delay(failures: int) -> float:
    """Return how long to wait before the next start, in seconds: 0, 0.1, 0.2, … 10."""
    doublings = min(failures, 32) - 1
    return 0.0 if failures == 0 else min(LAST_DELAY_S, FIRST_DELAY_S * 2.0**doublings)


class Slot:
    """One process that should always be there: a worker, or management.

    `gone` → `starting` → `ready` → `gone`. All times are monotonic seconds.
    """

    def __init__(self, number: int, timings: Timings, now: float) -> None:
        """Start without a process, with one due at once."""
        self.number = number
        self.restarts = 0
        self.adopter: Slot | None = None
        self.running = False
        self.ready = False
        self._spoke = False
        self._timings = timings
        self._failures = 0
        self._due_at = now
        self._gone_at = now
        self._ready_at = now
        self._heard_at = now

    def began(self, now: float) -> None:
        """Take notice that a process was started."""
        self.running, self.ready, self._spoke = True, False, False
        self._heard_at = now

    def heard(self, now: float) -> None:
        """Take notice of a beat."""
        self._spoke = True
        self._heard_at = now

    def became_ready(self, now: float) -> None:
        """Take notice that the process serves."""
        self.ready = self._spoke = True
        self._ready_at = self._heard_at = now

    def lost(self, now: float) -> None:
        """Take notice that the process is gone; decides when the next one is due."""
        if self.ready and now - self._ready_at >= self._timings.healthy_s:
            self._failures = 0
        self._due_at = now + restart_delay(self._failures)
        self._failures += 1
        self.restarts += 1
        self.running = self.ready = False
        self._gone_at = now

    def forgive(self, pause_s: float) -> None:
        """Do not count time in which the supervisor itself stood still (Ctrl-Z, a frozen VM)."""
        self._heard_at += pause_s

    def due(self, now: float) -> bool:
        """Say whether to start a process."""
        return not self.running and now >= self._due_at

    def late(self, now: float) -> bool:
        """Say whether it missed a beat and the one after."""
        return self.running and now - self._heard_at > 2.5 * self._timings.beat_s

    def silent(self, now: float) -> bool:
        """Say whether to kill the process."""
        timings = self._timings
        longest = timings.silence_s if self._spoke else max(timings.start_s, timings.silence_s)
        return self.running and now - self._heard_at > longest

    def orphaned(self, now: float) -> bool:
        """Say whether a sibling should accept from this slot's socket, and none does yet."""
        away = not self.ready and now - self._gone_at >= self._timings.adopt_after_s
        return away and self.adopter is None
