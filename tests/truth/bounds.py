"""How much may be let through at most, and how much must be at least: docs/limits.md as functions.

Two kinds of limit stand for all: a `Window` is bounded in each aligned window, a `Bucket` by how
much any stretch of time may hold more than its rate gives. What a mode, the time without a state,
and a state that forgets add to that is a number of requests each, and they add up.

Names as in docs/limits.md: L the limit, B the burst, r the rate, N the workers that share, n those
of them that cannot ask the state, Q what is lent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

SECOND_US = 1_000_000
ALL = "all"


@dataclass(frozen=True, slots=True)
class Window:
    """`limit` requests in each window of `period_us`, aligned to the clock of the state."""

    limit: int
    period_us: int = 60 * SECOND_US


@dataclass(frozen=True, slots=True)
class Bucket:
    """`rate` requests per `period_us`, evenly, and `burst` at once."""

    rate: int
    burst: int
    period_us: int = SECOND_US

    def refill(self, elapsed_us: int) -> int:
        """Return what that time gives back, rounded up."""
        return -(-self.rate * max(0, elapsed_us) // self.period_us)


Limit = Window | Bucket


@dataclass(frozen=True, slots=True)
class Mode:
    """How a limit is counted. `lease_percent` is the cap of what is lent, of the limit."""

    name: str = "exact"
    away: str = "share"
    lease_percent: int = 10
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happened to the state, as seen from all workers together.

    `losses`    how often it may have forgotten: a flush, an empty restart, a failover
    `aways`     how often it could not be asked, by whoever
    `any_us`    from the first worker that lost it to the last one that has it again
    `all_us`    how long nobody could
    `workers`   N, the workers alive
    `cut_off`   n, those that lost it; 0: all
    `seen`      the workers of the last live view; 0: all
    `restarts`  workers that began while it was away: their own counts were lost with the old ones
    `skewed`    workers whose own clock is wrong
    """

    losses: int = 0
    aways: int = 0
    any_us: int = 0
    all_us: int = 0
    workers: int = 1
    cut_off: int = 0
    seen: int = 0
    restarts: int = 0
    skewed: int = 0

    @property
    def alone(self) -> int:
        """Count the workers that decide without the state."""
        return self.cut_off or self.workers

    @property
    def view(self) -> int:
        """Count the workers among which the limit is shared."""
        return self.seen or self.workers


CALM = Trouble()


def lent(limit: Limit, mode: Mode) -> int:
    """Return Q: the most that all live blocks hold together."""
    if mode.name != "leased":
        return 0
    most = limit.limit if isinstance(limit, Window) else limit.burst
    return max(1, most * mode.lease_percent // 100)


def shares(limit: int, workers: int, view: int) -> int:
    """Return the sum of the parts that `workers` take of a limit that is shared among `view`.

    Places in a view differ, so that the remainder is given out once; past the view they do not.
    """
    if workers <= view:
        return workers * (limit // view) + min(workers, limit % view)
    return workers * -(-limit // view)


def of_window(limit: Window, mode: Mode, trouble: Trouble = CALM) -> int | None:
    """Return the most that one aligned window lets through; None: there is no bound.

    What is lent ends with its window and was charged to it, so that it adds nothing here.
    """
    counted = limit.limit * (1 + trouble.losses)
    if not trouble.aways:
        return counted
    again = trouble.restarts + min(trouble.skewed, trouble.alone)
    match mode.away:
        case "deny":
            return counted
        case "share":
            parts = shares(limit.limit, trouble.alone, trouble.view)
            return counted + parts + again * -(-limit.limit // trouble.view)
        case "local":
            return counted + (trouble.alone + again) * limit.limit
    return None


def of_bucket(limit: Bucket, mode: Mode, trouble: Trouble = CALM) -> int | None:
    """Return the most that any stretch of time holds above `rate` times its length; None: no bound.

    Without the state the workers have buckets of their own, which they keep when it is back. Either
    these add to what the state lets through at its full rate, or the state stood still meanwhile
    and was full again after it: the smaller of both.
    """
    kept = 0 if mode.strict else lent(limit, mode)
    counted = (limit.burst + kept) * (1 + trouble.losses)
    if not trouble.aways or mode.away == "deny":
        return counted
    if mode.away == "allow":
        return None
    if mode.away == "local":
        burst, rate = trouble.alone * limit.burst, trouble.alone * limit.rate
    else:
        burst = sum(
            max(1, limit.burst // trouble.view + (place < limit.burst % trouble.view))
            for place in range(trouble.alone)
        )
        rate = ceil(limit.rate * trouble.alone / trouble.view)
    burst += ceil(burst * trouble.restarts / trouble.alone)
    own = replace(limit, rate=rate)
    beside = burst + own.refill(trouble.any_us)
    if mode.away == "local" or trouble.alone > trouble.view:
        return counted + beside
    apart = trouble.any_us - trouble.all_us
    in_turn = trouble.aways * (limit.burst + burst) + limit.refill(apart)
    return counted + min(beside, in_turn)


def at_least(limit: Limit, elapsed_us: int, gap_us: int, percent: int = 100) -> int:
    """Return what must be let through where there is always somebody who asks for more.

    Of a window that is `percent` of it. Of a bucket that was full it is `percent` of the burst and
    of the refill in `elapsed_us`, but for one request that is not whole at the end, and for what
    came back after the last one had asked: `gap_us` is the longest time between two that ask.
    """
    if isinstance(limit, Window):
        return limit.limit * percent // 100
    back = limit.rate * max(0, elapsed_us - gap_us) // limit.period_us
    return max(0, (limit.burst + back) * percent // 100 - 1)
