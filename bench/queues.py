"""A simulation of queues: callers who come at random, workers, and the Valkey that they ask.

callers ──> worker (one loop, CPU before the state) ──> Valkey (one thread) ──> worker ──> done
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

DEADLINE_S = 0.025
"""`state.timeout`."""


@dataclass(frozen=True)
class Waits:
    """Seconds from a request's arrival to its end, and to the state's answer, in a simulation."""

    p50_s: float
    p99_s: float
    state_p99_s: float
    late: float
    """Share of calls to the state that are beyond the deadline."""


def simulate(
    worker_s: float,
    valkey_s: float,
    utilisation: float,
    *,
    workers: int = 2,
    requests: int = 60_000,
    seed: int = 1,
) -> Waits:
    """Play Poisson arrivals at workers that ask one Valkey, both loaded to `utilisation`.

    A request takes a worker `worker_s` seconds, half of them before it asks, and Valkey `valkey_s`.
    Times of service are exponential around the measured means: rougher than they are. The Valkey is
    given as many calls as load it: those of `workers`, which are played, and others.
    """
    draw = random.Random(seed)
    before_s = after_s = worker_s / 2
    own_rate = utilisation / worker_s * workers
    other_rate = max(0.0, utilisation / valkey_s - own_rate)
    free = [0.0] * workers
    events: list[tuple[float, int, str, int, float]] = []
    order = count()

    def push(at: float, what: str, worker: int, began: float) -> None:
        heapq.heappush(events, (at, next(order), what, worker, began))

    push(draw.expovariate(own_rate), "arrives", draw.randrange(workers), 0.0)
    if other_rate:
        push(draw.expovariate(other_rate), "other", 0, 0.0)
    valkey_free, left = 0.0, requests
    whole: list[float] = []
    asked: list[float] = []
    while events and len(whole) < requests:
        at, _, what, worker, began = heapq.heappop(events)
        if what == "other":
            valkey_free = max(valkey_free, at) + draw.expovariate(1 / valkey_s)
            push(at + draw.expovariate(other_rate), "other", 0, 0.0)
        elif what == "arrives":
            left -= 1
            if left > 0:
                push(at + draw.expovariate(own_rate), "arrives", draw.randrange(workers), 0.0)
            free[worker] = max(free[worker], at) + draw.expovariate(1 / before_s)
            push(free[worker], "asks", worker, at)
        elif what == "asks":
            valkey_free = max(valkey_free, at) + draw.expovariate(1 / valkey_s)
            asked.append(valkey_free - at)
            push(valkey_free, "answered", worker, began)
        else:
            free[worker] = max(free[worker], at) + draw.expovariate(1 / after_s)
            whole.append(free[worker] - began)
    return Waits(
        quantile(whole, 0.5),
        quantile(whole, 0.99),
        quantile(asked, 0.99),
        sum(one > DEADLINE_S for one in asked) / len(asked),
    )


def quantile(values: Iterable[float], share: float) -> float:
    """Return the value that `share` of all do not pass (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]
