"""What could have been saved, and was it? The rule that the gateway is measured by.

A request could have been saved when no byte of a response was sent, and the method is idempotent or
nothing had reached a target, and the body was unread or small enough to be kept (64 KiB), and there
was a target all the while that would have answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chaos.load import ANOTHERS, Result

KEPT = 64 * 1024
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})
UNAVAILABLE = "unavailable"
UNSENT = frozenset({"upstream-unreachable", UNAVAILABLE, "overloaded"})
"""Problems that say that nothing was sent to a target."""

SAVABLE = "could be saved"
FALSE = "said to be unsent, but was read"
MIXED_UP = "got another's answer"
TURNED_AWAY = "the gateway was there and refused"
DRAINED = "cut by the gateway's drain"
FAULTS = (SAVABLE, FALSE, MIXED_UP, TURNED_AWAY, DRAINED)
"""Reasons that must not be found. All others say why a request could not be saved."""


@dataclass(frozen=True, slots=True)
class Absence:
    """Somebody was not there from one moment to the other, in the loop's seconds."""

    who: str
    since: float
    until: float = float("inf")

    def meets(self, result: Result, after_s: float = 0.0) -> bool:
        """Whether a request was on its way at that time, or up to `after_s` after it."""
        return self.since <= result.ended and result.started <= self.until + after_s


GATEWAY = "gateway"
RECOVERY_S = 2.0
"""How soon after their return targets have to be used again."""


@dataclass(frozen=True, slots=True)
class Read:
    """A request as one target has read it: its head, and its body too if `whole`."""

    target: str
    method: str
    name: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Line:
    """What the access log says of a request."""

    outcome: str | None = None
    attempts: int = 1


class Evidence:
    """What is known besides what the clients saw."""

    def __init__(
        self,
        targets: Sequence[str],
        absences: Sequence[Absence],
        reads: Iterable[Read],
        log: Mapping[str, Line],
        recovery_s: float = RECOVERY_S,
    ) -> None:
        """`log` is the access log, by id; `recovery_s` is how long a 503 is excused."""
        self._recovery_s = recovery_s
        self._targets = targets
        self._absences = absences
        self._log = log
        self.heads: Counter[tuple[str, str]] = Counter()
        for read in reads:
            if not read.whole:
                self.heads[read.method, read.name] += 1

    def somebody_was_there(self, result: Result, since_s: float = 0.0) -> bool:
        """Whether one target was there from `since_s` before the request's begin to its end."""
        absent = {each.who for each in self._absences if each.meets(result, since_s)}
        return any(target not in absent for target in self._targets)

    def saved(self, result: Result) -> bool:
        """Whether a request was answered after an attempt that had failed."""
        return result.ok and self._log.get(result.name, Line()).attempts > 1

    def twice(self, method: str) -> int:
        """Count the requests of a method that targets have read more than once."""
        return sum(count > 1 for (each, _), count in self.heads.items() if each == method)

    def lost_because(self, result: Result) -> str:
        """Say why a request that failed was lost: one of FAULTS, or what excuses it."""
        return self._never_asked(result) or self._begun(result) or self._not_saved(result)

    def _never_asked(self, result: Result) -> str | None:
        """Say why a request did not get as far as the gateway, if it did not."""
        away = [e for e in self._absences if e.who == GATEWAY and e.meets(result)]
        if away and not result.status:
            if result.refused or result.started >= away[0].since:
                return "the gateway was away"
            # Whoever closes an idle connection cannot know what is on its way (RFC 9112, 9.5).
            unread = result.reused and result.name not in self._log
            return "a kept connection was closed as it was used" if unread else DRAINED
        return TURNED_AWAY if result.refused else None

    def _begun(self, result: Result) -> str | None:
        """Say what was wrong with an answer of a target, if there was one."""
        if result.problem == ANOTHERS:
            return MIXED_UP
        return "the answer had begun" if result.status == 200 else None

    def _not_saved(self, result: Result) -> str:
        unsent = self._unsent(result)
        if unsent and result.method not in IDEMPOTENT and self.heads[result.method, result.name]:
            return FALSE
        if not self.somebody_was_there(result):
            return "no target was there"
        if result.problem == UNAVAILABLE and not self.somebody_was_there(result, self._recovery_s):
            return "targets were back, and not yet taken back"
        if not unsent and result.method not in IDEMPOTENT:
            return f"a {result.method} was on its way"
        if not unsent and result.body_bytes > KEPT:
            return "the body was too large to be kept"
        return SAVABLE

    def _unsent(self, result: Result) -> bool:
        """Whether the gateway says that nothing of it was sent to any target."""
        if result.problem == "upstream-timeout":
            line = self._log.get(result.name)
            return line is not None and line.outcome == "connect_timeout"
        return result.problem in UNSENT


def losses(results: Iterable[Result], evidence: Evidence) -> Counter[str]:
    """Count the requests that failed, by why."""
    return Counter(evidence.lost_because(result) for result in results if not result.ok)


def percentile(values: Iterable[float], percent: float) -> float:
    """Return the nearest-rank percentile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0
