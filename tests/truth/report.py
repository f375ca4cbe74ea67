"""What one scenario has shown, and what of it does not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from chaos.verdicts import percentile
from truth.bounds import CALM, SECOND_US, Trouble, Window, at_least, of_bucket, of_window
from truth.evidence import Passed, above_rate, longest_gap_us, per_window
from truth.limits import Held
from truth.load import REFUSED, Result

AT_ONCE_S = 1.0
"""Whoever asks so soon after the state has gone may have to wait for it."""
DELAY_MS = 25.0
NOISE_MS = 50.0
"""What a busy machine of two cores adds; without trouble requests take as long at times."""
RECOVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Row:
    """One limit in one scenario.

    `most` is what was let through in the worst window, or in the worst stretch above the rate, and
    `bound` what it may be (None: unbounded); `whole` is all that was let through, `least` the floor
    (None where none is stated).
    """

    name: str
    asked: int
    most: int
    bound: int | None
    whole: int
    least: int | None

    def broken(self) -> list[str]:
        """Return what does not hold."""
        wrong = []
        if self.bound is not None and self.most > self.bound:
            wrong.append(f"{self.name}: let through {self.most}, at most {self.bound}")
        if self.least is not None and self.whole < self.least:
            wrong.append(f"{self.name}: let through {self.whole}, at least {self.least}")
        return wrong


@dataclass
class Report:
    """One scenario. Times are µs since 1970; 0 is what did not happen.

    `floor` is the percentage of each limit's own floor that holds in this kind of trouble.
    """

    name: str
    trouble: Trouble = CALM
    floor: int = 100
    began_us: int = 0
    ended_us: int = 0
    faultless: bool = False
    degraded: int = 0
    asked: int = 0
    rows: list[Row] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    before_ms: float | None = None
    first_ms: float | None = None
    later_ms: float | None = None
    recovered_s: float | None = None
    notes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    herd: set[str] = field(default_factory=set)
    """Requests sent all at one instant: they wait for each other, so their times say nothing."""

    def broken(self, *, timed: bool) -> list[str]:
        """Return what must hold and does not; what depends on time only if `timed`."""
        wrong = [*self.wrong, *(each for row in self.rows for each in row.broken())]
        wrong += [f"{count} answers: {what}" for what, count in self.errors.items()]
        if self.faultless and self.degraded:
            wrong.append(f"{self.degraded} decided without the state, which was there")
        if timed and self.first_ms is not None and self.first_ms > DELAY_MS + NOISE_MS:
            wrong.append(f"first requests took {self.first_ms:.0f} ms")
        if timed and self.later_ms is not None and self.later_ms > NOISE_MS:
            wrong.append(f"later ones took {self.later_ms:.0f} ms")
        if timed and self.recovered_s is not None and self.recovered_s > RECOVERY_S:
            wrong.append(f"recovery took {self.recovered_s:.2f} s")
        return wrong


def row(held: Held, passed: Sequence[Passed], results: Sequence[Result], at: Report) -> Row:
    """Measure one limit against its bound and its floor."""
    asked = [each.sent_us for each in results if each.asker == held.name]
    limit, percent = held.limit, held.floor * at.floor // 100
    if isinstance(limit, Window):
        windows = per_window(passed, limit.period_us)
        within = {each // limit.period_us for each in asked}
        return Row(
            held.name,
            len(asked),
            max(windows.values(), default=0),
            of_window(limit, held.mode, at.trouble),
            len(passed),
            at_least(limit, 0, 0, percent) if len(within) == 1 else None,
        )
    elapsed_us = max(asked, default=0) - min((each.read_us for each in passed), default=0)
    if held.mode.away == "deny":
        elapsed_us -= at.trouble.any_us
    return Row(
        held.name,
        len(asked),
        above_rate(passed, limit.rate, limit.period_us),
        of_bucket(limit, held.mode, at.trouble),
        len(passed),
        at_least(limit, elapsed_us, longest_gap_us(asked), percent),
    )


def weigh(at: Report, results: Sequence[Result], denying: frozenset[str]) -> None:
    """Enter what all clients saw together; `denying` are those who may be told 503."""
    at.asked = len(results)
    for each in results:
        if each.status in {200, 429} or (each.status == 503 and each.asker in denying):
            continue
        at.errors[_said(each)] += 1
    if not at.began_us or not at.ended_us:
        return
    before = [each.took_ms for each in results if each.sent_us < at.began_us]
    at.before_ms = percentile(before, 99) if before else None
    during = [each for each in results if at.began_us <= each.sent_us <= at.ended_us]
    edge_us = at.began_us + int(AT_ONCE_S * SECOND_US)
    at.first_ms = max((e.took_ms for e in during if e.sent_us <= edge_us), default=None)
    later = [e.took_ms for e in during if e.sent_us > edge_us and e.name not in at.herd]
    at.later_ms = percentile(later, 99) if later else None
    late = [e.sent_us - at.ended_us for e in results if e.degraded and e.sent_us > at.ended_us]
    at.recovered_s = max(late, default=0) / SECOND_US


def _said(result: Result) -> str:
    status = {0: "no answer", REFUSED: "not connected"}.get(result.status, str(result.status))
    return f"{status} {result.problem}".strip()
