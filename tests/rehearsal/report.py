"""What one scenario has measured, and what does not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from chaos.load import Result
from chaos.verdicts import percentile
from rehearsal.verdicts import FAULTS, INGRESS, Evidence


@dataclass
class Report:
    """One row of the table. Times are seconds; None is what does not apply."""

    name: str
    sent: int = 0
    ok: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    p50_ms: float | None = None
    p99_ms: float | None = None
    drain_s: float | None = None
    failover_s: float | None = None
    replicas: list[tuple[float, int, int]] = field(default_factory=list)
    """When, how many were wanted, and how many were ready."""
    notes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    """What failed requests were told, and by whom."""

    def must(self, holds: object, what: str) -> None:
        """Keep what does not hold."""
        if not holds:
            self.wrong.append(what)

    def load(self, results: Sequence[Result], evidence: Evidence) -> None:
        """Work out what clients saw."""
        failed = [each for each in results if not each.ok]
        taken = [each.seconds * 1000 for each in results if each.ok and not each.streamed]
        self.sent, self.ok = len(results), len(results) - len(failed)
        self.lost = Counter(map(evidence.lost_because, failed))
        self.statuses = Counter(map(_told, failed))
        self.p50_ms, self.p99_ms = percentile(taken, 50), percentile(taken, 99)
        self.must(self.ok, "nothing was answered")
        if twice := evidence.twice("POST"):
            self.wrong.append(f"{twice} POSTs were read twice by the upstream")

    @property
    def savable(self) -> int:
        """How many failed that could have been saved."""
        return sum(self.lost[why] for why in FAULTS)

    @property
    def with_the_ingress(self) -> int:
        """How many failed that only the Ingress could have saved, without knowing so."""
        return self.lost[INGRESS]

    @property
    def beyond_saving(self) -> int:
        """How many failed that nobody could have saved."""
        return sum(self.lost.values()) - self.savable - self.with_the_ingress

    @property
    def broken(self) -> list[str]:
        """Return everything that must hold and does not."""
        return [
            f"{n} requests: {why}" for why, n in self.lost.items() if why in FAULTS
        ] + self.wrong

    @property
    def fewest(self) -> int | None:
        """The fewest replicas that were ready at any time."""
        return min((ready for _, _, ready in self.replicas), default=None)

    @property
    def over_time(self) -> str:
        """Replicas that were ready, as `0 s 3, 4 s 2 of 3, …`."""
        parts, last = [], (-1, -1)
        for at_s, wanted, ready in self.replicas:
            if (wanted, ready) != last:
                parts.append(f"{at_s:.0f} s {ready}" + ("" if wanted == ready else f" of {wanted}"))
                last = (wanted, ready)
        return ", ".join(parts)


def _told(result: Result) -> str:
    what = result.problem or result.said or ("cut" if result.status else "no answer")
    return f"{result.method} {result.status} {what}"
