"""The adaptive limit, against simulated services: it finds the knee, and does not lose it.

A `Service` serves `servers` requests at a time and queues the rest, first come first served; its
callers come at random (a Poisson process), and those over the limit go away. All of it is drawn
from a seed, so a run is always the same; there are more seeds with `THOROUGH=1`.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.upstream.admission.gradient import START, Gradient
from support.effort import seeds

Times = Callable[[random.Random], float]
LEARNT = 50_000
"""Answers after which a limit is where it stays: what a small service needs minutes for."""
ENDLESS = 10**6
"""Servers of a service that never queues."""


def exponential(mean_s: float) -> Times:
    return lambda chance: chance.expovariate(1 / mean_s)


class Service:
    """Discrete events: a request comes, or is served. Each worker has a limit of its own."""

    def __init__(
        self,
        servers: int,
        takes: Times,
        *,
        per_s: float,
        seed: int = 1,
        least: int = 4,
        most: int = 1000,
        workers: int = 1,
    ) -> None:
        self.servers, self.takes, self.per_s = servers, takes, per_s
        self.limits = [Gradient(least, most) for _ in range(workers)]
        self._chance = random.Random(seed)
        self._events: list[tuple[float, int, int, float]] = []  # time, order, worker, began
        self._order = count()
        self._waiting: deque[tuple[float, int]] = deque()
        self._in_use = [0] * workers
        self._busy = 0
        self.now = 1000.0
        self.forget()
        self._next_arrival = self.now

    def forget(self) -> None:
        """Begin to measure anew."""
        self.times: list[float] = []
        self.shown: list[int] = []
        self._since = self.now

    @property
    def per_second(self) -> float:
        """Answers a second since `forget`."""
        return len(self.times) / (self.now - self._since)

    @property
    def limit(self) -> float:
        """The mean of the limit, all workers together, since `forget`."""
        return sum(self.shown) / len(self.shown)

    def run(self, seconds: float) -> Service:
        end = self.now + seconds
        while True:
            served = self._events[0][0] if self._events else float("inf")
            self.now = min(served, self._next_arrival)
            if self.now > end:
                self.now = end
                return self
            if served <= self._next_arrival:
                self._serve()
            else:
                self._arrive()

    def settle(self, seconds: float) -> Service:
        """Let it run for a while, then begin to measure."""
        self.run(seconds)
        self.forget()
        return self

    def _arrive(self) -> None:
        self._next_arrival = self.now + self._chance.expovariate(self.per_s)
        worker = self._chance.randrange(len(self.limits))
        if self._in_use[worker] < self.limits[worker].limit:
            self._in_use[worker] += 1
            self._waiting.append((self.now, worker))
            self._begin()

    def _begin(self) -> None:
        while self._busy < self.servers and self._waiting:
            began, worker = self._waiting.popleft()
            self._busy += 1
            done = self.now + self.takes(self._chance)
            heapq.heappush(self._events, (done, next(self._order), worker, began))

    def _serve(self) -> None:
        _, _, worker, began = heapq.heappop(self._events)
        self._busy -= 1
        self.times.append(self.now - began)
        self.limits[worker].observe(self.now - began, self._in_use[worker], self.now)
        self._in_use[worker] -= 1
        self.shown.append(sum(each.limit for each in self.limits))
        self._begin()


# --- where the knee is ----------


@pytest.mark.parametrize("seed", seeds(9))
@pytest.mark.parametrize("servers", [4, 10, 50])
def test_in_overload_the_limit_settles_above_what_is_served_at_a_time_and_below_twice_that(
    servers: int, seed: int
) -> None:
    at = Service(servers, exponential(0.01), per_s=3 * servers / 0.01, seed=seed)
    at.settle(LEARNT / (servers / 0.01))
    at.run(0.7 * LEARNT / (servers / 0.01))
    assert servers < at.limit < 2.5 * servers
    assert at.per_second > 0.95 * servers / 0.01
    assert sum(at.times) / len(at.times) < 0.025


def test_a_slow_service_is_found_out_as_well() -> None:
    at = Service(10, exponential(0.5), per_s=60).settle(120)
    at.run(300)
    assert 6 < at.limit < 25
    assert at.per_second > 0.85 * 10 / 0.5


def test_a_service_that_answers_always_alike_is_found_out_as_well() -> None:
    at = Service(10, lambda _: 0.02, per_s=1500).settle(15)
    at.run(15)
    assert 10 < at.limit < 25
    assert at.per_second > 0.97 * 10 / 0.02


@pytest.mark.parametrize("seed", seeds(3))
@pytest.mark.parametrize("workers", [2, 4])
def test_several_workers_share_a_service_without_driving_each_other_up(
    workers: int, seed: int
) -> None:
    at = Service(20, exponential(0.03), per_s=1000, workers=workers, seed=seed).settle(40)
    at.run(20)
    first = at.limit
    at.settle(120)
    at.run(20)
    assert at.limit < 1.4 * first < 80
    assert at.per_second > 0.93 * 20 / 0.03


# --- what changes ----------


def test_overload_takes_the_limit_down_within_seconds() -> None:
    at = Service(60, exponential(0.01), per_s=8000).settle(10)
    before = at.limits[0].limit
    at.servers = 10
    at.run(2)
    assert at.limits[0].limit < before / 2
    at.settle(10)
    at.run(5)
    assert at.limit < 25


def test_after_a_slow_phase_it_is_back_where_it_was() -> None:
    at = Service(20, exponential(0.01), per_s=3000).settle(15)
    at.run(15)
    before = at.limit
    at.takes = exponential(0.1)
    at.run(20)
    at.takes = exponential(0.01)
    at.settle(15)
    at.run(15)
    assert at.limit == pytest.approx(before, rel=0.3)
    assert at.per_second > 0.95 * 20 / 0.01


@pytest.mark.parametrize("slower", [2, 6])
def test_a_service_that_is_slower_for_good_is_not_held_to_what_it_was(slower: float) -> None:
    at = Service(ENDLESS, exponential(0.01), per_s=2000).settle(15)
    at.takes = exponential(0.01 * slower)
    at.settle(30)
    at.run(10)
    assert at.per_second > 0.97 * 2000


def test_it_does_not_follow_the_queue_of_a_long_overload() -> None:
    at = Service(10, exponential(0.05), per_s=400).settle(60)
    at.run(60)
    early = at.limit
    at.settle(400)
    at.run(60)
    assert at.limit == pytest.approx(early, rel=0.4)


# --- what is no overload ----------

JITTER: dict[str, Times] = {
    "exponential": exponential(0.01),
    "heavy-tailed": lambda chance: 0.005 * chance.lognormvariate(0, 1.5),
    "two kinds of requests": lambda chance: 0.3 if chance.random() < 0.1 else 0.01,
    "a stall now and then": lambda chance: 5.0 if chance.random() < 0.002 else 0.01,
}


@pytest.mark.parametrize("kind", JITTER)
@pytest.mark.parametrize("seed", seeds(4))
def test_jitter_is_not_taken_for_overload(kind: str, seed: int) -> None:
    at = Service(ENDLESS, JITTER[kind], per_s=2000, seed=seed).settle(15)
    at.run(20)
    assert at.per_second > 0.95 * 2000


def test_a_limit_that_is_not_used_does_not_grow() -> None:
    at = Service(ENDLESS, exponential(0.01), per_s=100)  # one at a time, on average
    at.run(60)
    assert max(at.shown) == START


def test_less_than_a_millisecond_is_not_worth_a_queue() -> None:
    at = Service(ENDLESS, lambda chance: 0.0001 + chance.expovariate(3000), per_s=30_000).settle(3)
    at.run(3)
    assert at.per_second > 0.97 * 30_000


# --- alone ----------


def test_a_probe_halves_what_is_in_use_and_ends() -> None:
    gradient = Gradient(4, 100)
    now, shown = 0.0, []
    for _ in range(3000):
        now += 0.001
        gradient.observe(0.01, gradient.limit, now)
        shown.append(gradient.limit)
    cut = [after for before, after in pairwise(shown) if after * 2 <= before]
    assert len(cut) == 1
    assert shown[-1] > START


def test_a_probe_whose_traffic_ends_is_given_up() -> None:
    gradient = Gradient(4, 100)
    now = 0.0
    while not gradient._probing:
        now += 0.001
        gradient.observe(0.01, gradient.limit, now)
    held = gradient.limit
    gradient.observe(0.01, 50, now + 60)
    gradient.observe(0.01, 1, now + 61)
    assert gradient.limit > held
    assert not gradient._probing


def test_the_bounds_hold_where_they_contradict_each_other() -> None:
    assert Gradient(50, 10).limit == 50
    assert Gradient(1, 3).limit == 3


def test_another_goes_on_where_one_was() -> None:
    at = Service(50, exponential(0.01), per_s=8000).settle(10)
    known = at.limits[0]
    fresh = Gradient(4, 1000)
    fresh.resume(known)
    assert (fresh.limit, fresh.baseline_s) == (int(known._estimate), known.baseline_s)
    narrow = Gradient(4, 30)
    narrow.resume(known)
    assert narrow.limit == 30


@given(
    st.integers(1, 50),
    st.integers(1, 2000),
    st.lists(
        st.tuples(st.floats(0, 100, allow_subnormal=False), st.integers(1, 3000), st.floats(0, 30)),
        max_size=150,
    ),
)
def test_the_limit_stays_within_its_bounds_whatever_comes(
    least: int, most: int, seen: list[tuple[float, int, float]]
) -> None:
    gradient = Gradient(least, most)
    now = 0.0
    for ttfb_s, in_flight, later_s in seen:
        now += later_s
        gradient.observe(ttfb_s, in_flight, now)
        assert least <= gradient.limit <= max(least, most)
        assert gradient.baseline_s >= 0
