"""How operators write an allowance: `10/second`, `500/minute sliding`, `10/second burst 20`.

    <amount>/<period>                   a fixed window
    <amount>/<period> sliding           a sliding window: an estimate without the jump at its turn
    <amount>/<period> log               a sliding log: exact at every instant, for small amounts
    <amount>/<period> burst <amount>    a token bucket
    <amount>/<period> delay <duration>  a leaky bucket: requests wait, so long at most

with a period of second, minute, hour or day, and amounts of the limit's unit. A fixed window may be
a calendar month (UTC) too. What is under way at once is written `<count> concurrent`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sluicegate.journey.limit import amount as amounts
from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.leaky_bucket import LeakyBucket
from sluicegate.journey.limit.algorithms.period import MONTH
from sluicegate.journey.limit.algorithms.sliding_log import SlidingLog
from sluicegate.journey.limit.algorithms.sliding_window import SlidingWindow
from sluicegate.journey.limit.algorithms.token_bucket import TokenBucket
from sluicegate.model.units import Duration

if TYPE_CHECKING:
    from sluicegate.state.contract import Algorithm

Kind = Literal["fixed", "sliding", "log", "bucket", "leaky"]

AT_ONCE = Duration(0)
PERIODS_S = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "month": 31 * 86400}
"""A month is a calendar month; these are the seconds of the longest one."""
MONTHLY = "month"
MOST_CONCURRENT = 10**6
NOTATION = re.compile(r"^ *([^/ ]+) */ *([^/ ]+)(?: +([a-z]+)(?: +([^ ]+))?)? *$(?!\n)", re.ASCII)
CONCURRENT = re.compile(r"^ *(-?[0-9]{1,30}) +concurrent *$(?!\n)", re.ASCII)
EXAMPLES = {"requests": ("10", "20"), "bytes": ("1MiB", "5MiB"), "tokens": ("1000", "2000"),
            "usd": ("0.25", "1")}  # fmt: skip
LEAST = {"requests": "1", "bytes": "1", "tokens": "1", "usd": "0.000000001"}
QUOTA_UNITS = {"bytes": "content-bytes", "tokens": "tokens", "usd": "nano-usd"}
"""`qu` of RateLimit-Policy, where it is not `requests`; the draft's own, and two of ours."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """`amount` of `unit` (as counted) per `period` (a name of `PERIODS_S`).

    `burst` is what a bucket holds, `delay` how long a leaky bucket lets a request wait.
    """

    amount: int
    period: str
    kind: Kind = "fixed"
    burst: int = 0
    delay: Duration = AT_ONCE
    unit: str = "requests"

    @property
    def name(self) -> str:
        """The name of the limit in headers and metrics: `10-second-burst-20`, `1-day-usd`."""
        tail = "" if self.unit in {"requests", "bytes"} else "-" + self.unit
        return re.sub("[/ ]", "-", str(self)) + tail

    @property
    def text(self) -> str:
        """What a caller is told: `10/second burst 20`, `0.25 USD/minute`, `1000 tokens/day`."""
        words = {"usd": " USD", "tokens": " tokens"}.get(self.unit, "")
        return str(self).replace("/", words + "/", 1)

    @property
    def policy(self) -> str:
        """The parameters of RateLimit-Policy."""
        burst = f";burst={self.burst}" if self.kind == "bucket" else ""
        unit = QUOTA_UNITS.get(self.unit)
        return f"q={self.amount};w={self.period_s}{burst}" + (f';qu="{unit}"' if unit else "")

    @property
    def plain(self) -> str:
        """The same amount and period as a fixed window."""
        return f"{amounts.write(self.amount, self.unit)}/{self.period}"

    @property
    def form(self) -> str:
        """How allowances of its kind and period are written."""
        tail = {"fixed": "", "bucket": " burst <amount>", "leaky": " delay <duration>"}
        return f"<amount>/{self.period}" + tail.get(self.kind, " " + self.kind)

    @property
    def kind_word(self) -> str:
        """The word that makes it what it is; of a fixed window, `fixed`."""
        return {"bucket": "burst", "leaky": "delay"}.get(self.kind, self.kind)

    @property
    def period_s(self) -> int:
        """The period in seconds; of a month, the longest one's."""
        return PERIODS_S[self.period]

    def __str__(self) -> str:
        """Give the shortest written form that reads back as the same allowance."""
        tail = {
            "fixed": "",
            "bucket": f" burst {amounts.write(self.burst, self.unit)}",
            "leaky": f" delay {self.delay}",
        }.get(self.kind, " " + self.kind)
        return self.plain + tail

    def algorithm(self) -> Algorithm:
        """Build what counts it. Raises ValueError where that cannot be exact."""
        period_us = self.period_s * 1_000_000
        if self.kind == "sliding":
            return SlidingWindow(self.amount, period_us)
        if self.kind == "log":
            return SlidingLog(self.amount, period_us)
        if self.kind == "bucket":
            return TokenBucket(self.amount, period_us, self.burst)
        if self.kind == "leaky":
            return LeakyBucket(self.amount, period_us, round(self.delay * 1_000_000))
        return FixedWindow(self.amount, MONTH if self.period == MONTHLY else period_us)


def parse(text: str, unit: str = "requests") -> Allowance:
    """Read the written form. Raises ValueError that says what to write instead."""
    match = NOTATION.match(text)
    if match is None:
        raise ValueError(f"`{text}` is not an allowance: {_expected(unit)}")
    written, period, word, more = match.groups()
    if period not in PERIODS_S:
        raise ValueError(
            f"`{period}` in `{text}` is not a period: write second, minute, hour, day or month"
        )
    count = _at_least_one(text, written, unit, f"write at least `{LEAST[unit]}/{period}`")
    if word is None:
        return Allowance(count, period, unit=unit)
    if period == MONTHLY:
        raise ValueError(f"`{text}`: a month is a whole one: write `{written}/month` alone")
    if word in {"sliding", "log"} and more is None:
        kind: Kind = "sliding" if word == "sliding" else "log"
        return Allowance(count, period, kind, unit=unit)
    if word == "burst" and more is not None:
        burst = _at_least_one(text, more, unit, f"write at least `burst {LEAST[unit]}`")
        return Allowance(count, period, "bucket", burst=burst, unit=unit)
    if word == "delay" and more is not None:
        return Allowance(count, period, "leaky", delay=_delay(text, more), unit=unit)
    raise ValueError(f"`{text}` is not an allowance: {_expected(unit)}")


def parse_concurrent(text: str) -> int:
    """Read `<count> concurrent`. Raises ValueError that says what to write instead."""
    match = CONCURRENT.match(text)
    if match is None:
        raise ValueError(f"`{text}` is no number of requests at once: write `10 concurrent`")
    count = int(match[1])
    if count < 1:
        raise ValueError(f"`{text}` never admits anything: write at least `1 concurrent`")
    if count > MOST_CONCURRENT:
        raise ValueError(f"`{text}`: write at most `{MOST_CONCURRENT} concurrent`")
    return count


def _at_least_one(text: str, written: str, unit: str, advice: str) -> int:
    count = amounts.read(written, unit)
    if count < 1:
        raise ValueError(f"`{text}` never admits anything: {advice}")
    return count


def _delay(text: str, written: str) -> Duration:
    try:
        delay = Duration.parse(written)
    except ValueError as error:
        raise ValueError(f"the delay in `{text}`: {error}") from error
    if not delay:
        raise ValueError(f"`{text}` lets nothing wait: write `burst 1`, or a delay such as `2s`")
    return delay


def _expected(unit: str) -> str:
    first, more = EXAMPLES[unit]
    return (
        f"write `{first}/second`, with `sliding` or `log` behind it for a sliding window, "
        f"`{first}/second burst {more}` for a bucket, or `{first}/second delay 2s`"
    )
