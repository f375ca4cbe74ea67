"""What the oracle saw, measured so that it can accuse nobody wrongly.

When exactly a request was let through is not known from outside; it was after its client had sent
it and before the upstream had read it. So a request counts for a stretch of time only where both
lie within it: what is above a bound is then above it for sure, whatever the machine delayed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Passed:
    """A request that reached the upstream: sent and read at these microseconds since 1970."""

    sent_us: int
    read_us: int


def per_window(passed: Iterable[Passed], period_us: int) -> Counter[int]:
    """Count, by the number of the window, what was let through in it for sure."""
    return Counter(
        each.sent_us // period_us
        for each in passed
        if each.sent_us // period_us == each.read_us // period_us
    )


def above_rate(passed: Sequence[Passed], rate: int, period_us: int) -> int:
    """Return the most that any stretch held above `rate` per `period_us`, rounded up.

    A stretch from a to b holds what was sent at a or later and read at b or before. Stretches are
    looked at by their end; a tree over all beginnings keeps, for those read so far, the best sum of
    what was sent at or after a beginning and the rate times that beginning.
    """
    if not passed:
        return 0
    starts = sorted({each.sent_us for each in passed})
    at = {sent_us: index for index, sent_us in enumerate(starts)}
    size = 1 << (len(starts) - 1).bit_length()
    first = starts[0]
    held = [0] * (2 * size)
    best = [-(1 << 62)] * (2 * size)  # of a beginning at which nothing was read yet: none
    most = 0
    for each in sorted(passed, key=lambda one: one.read_us):
        node = size + at[each.sent_us]
        held[node] += period_us
        best[node] = rate * (each.sent_us - first) + held[node]
        while node := node // 2:
            left, right = 2 * node, 2 * node + 1
            held[node] = held[left] + held[right]
            best[node] = max(best[right], best[left] + held[right])
        most = max(most, best[1] - rate * (each.read_us - first))
    return -(-most // period_us)


def longest_gap_us(times_us: Iterable[int]) -> int:
    """Return the longest time between two of these moments."""
    ordered = sorted(times_us)
    return max((b - a for a, b in pairwise(ordered)), default=0)


def most_together(spans: Iterable[tuple[int, int]]) -> int:
    """Return how many of these spans (from, to) were open at the same time, at most."""
    turns = [turn for since, until in spans for turn in ((since, 1), (until, -1))]
    open_now = most = 0
    for _, change in sorted(turns):
        open_now += change
        most = max(most, open_now)
    return most
