"""How operators write an allowance: `10/second`, `500/minute`, `10/second burst 20`.

    <count>/<period>                 a fixed window
    <count>/<period> burst <count>   a token bucket

with a period of second, minute, hour or day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket

if TYPE_CHECKING:
    from sluicegate.state.contract import Algorithm

PERIODS_S = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
MOST = 10**12
NOTATION = re.compile(r"^ *(-?[0-9]+) */ *([^ ]+)( +burst +(-?[0-9]+))? *$", re.ASCII)
EXPECTED = "write `10/second`, or `10/second burst 20` for a bucket"


@dataclass(frozen=True, slots=True)
class Allowance:
    """`count` per `period` (a name of `PERIODS_S`), and `burst` at once where it is a bucket."""

    count: int
    period: str
    burst: int | None

    @property
    def name(self) -> str:
        """The name of the limit in headers and metrics: `10-second`, `10-second-burst-20`."""
        tail = "" if self.burst is None else f"-burst-{self.burst}"
        return f"{self.count}-{self.period}{tail}"

    @property
    def period_s(self) -> int:
        """The period in seconds."""
        return PERIODS_S[self.period]

    def __str__(self) -> str:
        """Give the shortest written form that reads back as the same allowance."""
        tail = "" if self.burst is None else f" burst {self.burst}"
        return f"{self.count}/{self.period}{tail}"

    def algorithm(self) -> Algorithm:
        """Build what counts it. Raises ValueError where that cannot be exact."""
        period_us = self.period_s * 1_000_000
        if self.burst is None:
            return FixedWindow(self.count, period_us)
        return TokenBucket(self.count, period_us, self.burst)


def parse(text: str) -> Allowance:
    """Read the written form. Raises ValueError that says what to write instead."""
    match = NOTATION.match(text)
    if match is None:
        raise ValueError(f"`{text}` is not an allowance: {EXPECTED}")
    count, period = int(match[1]), match[2]
    burst = int(match[4]) if match[4] else None
    if period not in PERIODS_S:
        raise ValueError(
            f"`{period}` in `{text}` is not a period: write second, minute, hour or day"
        )
    if count < 1:
        raise ValueError(f"`{text}` never admits anything: write at least `1/{period}`")
    if burst is not None and burst < 1:
        raise ValueError(f"`{text}` never admits anything: write at least `burst 1`")
    if count > MOST or (burst or 0) > MOST:
        raise ValueError(f"`{text}` is more than can be counted: write at most {MOST}")
    return Allowance(count, period, burst)
