"""How many requests at a time a service can take, found out from its time to the first byte.

Up to some number of requests at a time a service answers as fast as it can; beyond it they queue
inside the service, throughput stays and latency grows. The limit is steered to just above that knee
by Envoy's rule (adaptive_concurrency, gradient controller), once per window and round trip:

    gradient = clamp(baseline * (1 + tolerance) / recent, 0.5, 1)
    limit    = gradient * limit + sqrt(limit)

`recent` is what a window of requests took; `baseline` what they take where nothing queues. All
depends on the baseline. Netflix's Gradient2 (concurrency-limits) takes a long-term mean of the same
latencies: it costs nothing, but in a long overload it follows the queue, and the limit with it.
Envoy measures: every minute it goes down to the least limit for a while. Here it is measured too,
but at half of what is in use: at the knee nothing queues then. A baseline that was too high because
half had queued as well falls with each such probe, and then the next one comes soon. Where the
limit is not in use and answers are quick, nothing is asked and so nothing held up.

A probe by one of many workers measures the queue of the others, and would raise the baseline a bit
each time, for ever. So probes that may raise it happen at whole multiples of their interval on a
clock that all workers share (flows in BBR's PROBE_RTT meet likewise); others may only lower it.

Three ways lead back from a baseline that no longer holds: the next probe; windows that are steep
however little is in use; and, where the service has become faster, the windows themselves.

Means are geometric: one answer of 30 s among fifty of 10 ms counts a sixth more, not sixty times.

Pure: time comes in. `observe` takes a logarithm and a handful of additions: 0.1 µs compiled.
"""

from __future__ import annotations

from math import exp, floor, inf, log, sqrt
from typing import Final

START: Final = 20
"""First limit (Netflix's initialLimit)."""
TOLERANCE: Final = 0.25
"""Latency over the baseline that is no queue yet (Envoy's minRTT buffer)."""
GRACE_S: Final = 0.001
"""The same as time: below this it may as well be our own loop or the machine's scheduler."""
STEEPEST: Final = 0.5
"""One window takes no more than half away (Netflix, Envoy)."""
WINDOW_S: Final = 0.1
"""Shortest window (Envoy's concurrency_update_interval in its example)."""
SAMPLES: Final = 20
"""Least number of answers in a window; a mean of fewer is mostly chance."""
PROBE_SAMPLES: Final = 40
"""The same for a probe, on which more depends (Envoy's request_count: 50)."""
PROBE_S: Final = 10.0
"""Without a window at half use for so long, one is brought about (Envoy: 60 s, for longer)."""
PROBE_TRIPS: Final = 50.0
"""And never more often than once in so many round trips, so that slow services lose little."""
AGAIN_S: Final = 1.0
AGAIN_TRIPS: Final = 10.0
"""Until the next probe where the baseline turns out too high, and the same in round trips."""
PATIENCE_S: Final = 1.0
PATIENCE_TRIPS: Final = 12.0
"""Longest probe, and the same in round trips: traffic that ended must not hold the limit down."""
FASTER: Final = 2.0
"""So much under the baseline, in use, the service has become faster (Netflix: longRtt/shortRtt)."""
FIRST_TRIPS: Final = 4.0
"""Round trips before the first mean: the first answers to come are the quick ones."""
IN_VAIN: Final = 5
"""Windows with a steep gradient and hardly less left to take, until theirs is the baseline: with
so few requests it is not our queue (Envoy: 5 windows at the least limit)."""
HARDLY: Final = 0.8
LEARNING: Final = 0.2
"""Weight of a window at half use in the baseline."""
PROBING: Final = 0.5
"""Weight of a probe in the baseline."""
SHORTEST_S: Final = 1e-6


class Gradient:
    """An adaptive limit. `limit` is what holds now; `baseline_s` 0 until the first window."""

    __slots__ = (
        "_cut_at",
        "_draining",
        "_estimate",
        "_in_vain",
        "_last_peak",
        "_logs",
        "_max",
        "_min",
        "_peak",
        "_probe_at",
        "_probing",
        "_raising",
        "_samples",
        "_since",
        "baseline_s",
        "limit",
    )

    def __init__(self, least: int, most: int) -> None:
        """Stay between `least` and `most`, both ≥ 1; `least` holds where they contradict."""
        self._min = float(max(1, least))
        self._max = max(self._min, float(most))
        self._estimate = min(self._max, max(self._min, float(START)))
        self.limit = int(self._estimate)
        self.baseline_s = 0.0
        self._probing = False
        self._draining = False
        self._raising = False
        self._cut_at = 0.0
        self._probe_at = inf
        self._in_vain = 0
        # The window: since when, sum of logarithms, answers, most in flight.
        self._since = -1.0
        self._logs = 0.0
        self._samples = 0
        self._peak = 0
        self._last_peak = 0

    def resume(self, previous: Gradient) -> None:
        """Go on with what another has found out, between our own bounds."""
        self._estimate = min(self._max, max(self._min, previous._estimate))
        self.baseline_s = previous.baseline_s
        self._probe_at = previous._probe_at
        self._raising = previous._raising
        self.limit = int(self._estimate)

    def observe(self, ttfb_s: float, in_flight: int, now: float) -> None:
        """Take the time to first byte of an answer that came `now`.

        `in_flight` is how many were under way, this one included. `now` is in seconds and never
        goes back; workers that share a clock probe together.
        """
        if self._since < 0.0:
            self._open(now)
        if now >= self._probe_at and not self._probing:
            self._begin_probe(now)
        if now < self._since:  # what a cut has changed shows only after a round trip
            return
        if self._draining:
            self._drain(in_flight, now)
            return
        self._logs += log(max(SHORTEST_S, ttfb_s))
        self._samples += 1
        self._peak = max(self._peak, in_flight)
        elapsed = now - self._since
        if elapsed >= WINDOW_S and self._samples >= (PROBE_SAMPLES if self._probing else SAMPLES):
            recent_s = exp(self._logs / self._samples)
            if elapsed >= recent_s:
                self._close(recent_s, now)
        elif self._probing and self._overdue(now):
            self._end_probe(now)

    # --- windows ----------

    def _open(self, since: float) -> None:
        self._since = since
        self._logs = 0.0
        self._samples = 0
        self._peak = 0

    def _close(self, recent_s: float, now: float) -> None:
        if self.baseline_s == 0.0:
            if now - self._since >= FIRST_TRIPS * recent_s:
                self.baseline_s = recent_s
                self._open(now)
                self._probe_soon(now)
                self._raising = True
            return
        peak = self._last_peak = self._peak
        self._open(now)
        if self._probing:
            self._take_probe(recent_s, now)
            return
        allowed_s = self.baseline_s * (1.0 + TOLERANCE) + GRACE_S
        used = peak * 2 > self.limit
        if peak <= self._min:
            self._learn(recent_s, LEARNING)  # with fewer it cannot be measured either
        elif recent_s * FASTER < self.baseline_s:
            self._learn(recent_s, LEARNING)
            self._probe_soon(now)
        if used or recent_s > allowed_s:
            self._steer(allowed_s / recent_s, recent_s, used=used, now=now)
        else:
            self._probe_later(now)  # nothing waits, and nobody wants more: there is no need

    def _steer(self, gradient: float, recent_s: float, *, used: bool, now: float) -> None:
        before = self._estimate
        wanted = min(1.0, max(STEEPEST, gradient)) * before + sqrt(before)
        if not used and wanted > before:
            return
        self._estimate = min(self._max, max(self._min, wanted))
        self.limit = int(self._estimate)
        if gradient > STEEPEST:
            self._in_vain = max(0, self._in_vain - 1)
        elif self._estimate >= before * HARDLY:
            self._in_vain += 1
            if self._in_vain >= IN_VAIN:
                self._in_vain = 0
                self.baseline_s = recent_s
        if self._estimate < before:
            self._since = now + recent_s

    def _learn(self, recent_s: float, weight: float) -> None:
        self.baseline_s *= exp(weight * log(recent_s / self.baseline_s))

    # --- probes ----------

    def _probe_later(self, now: float) -> None:
        interval = PROBE_S
        while interval < PROBE_TRIPS * self.baseline_s:
            interval *= 2.0  # so that whole multiples of long ones are those of short ones too
        # The first that is at least half of one away.
        self._probe_at = (floor(now / interval + 0.5) + 1.0) * interval
        self._raising = True

    def _probe_soon(self, now: float) -> None:
        at = now + max(AGAIN_S, AGAIN_TRIPS * self.baseline_s)
        if at < self._probe_at:
            self._probe_at = at
            self._raising = False

    def _begin_probe(self, now: float) -> None:
        self._probing = self._draining = True
        self._cut_at = self._since = now
        self.limit = int(max(self._min, min(self._estimate, self._last_peak) / 2.0))

    def _drain(self, in_flight: int, now: float) -> None:
        if in_flight <= self.limit + 1:  # the one that ends is counted
            self._draining = False
            self._open(now + self.baseline_s)
        elif self._overdue(now):
            self._end_probe(now)

    def _take_probe(self, recent_s: float, now: float) -> None:
        lower = recent_s * (1.0 + TOLERANCE) < self.baseline_s
        if self._raising or lower:
            self._learn(recent_s, PROBING)
        self._end_probe(now)
        if lower:
            self._probe_soon(now)

    def _end_probe(self, now: float) -> None:
        self._probing = self._draining = False
        self.limit = int(self._estimate)
        self._open(now)
        self._probe_later(now)

    def _overdue(self, now: float) -> bool:
        return now - self._cut_at > max(PATIENCE_S, PATIENCE_TRIPS * self.baseline_s)
