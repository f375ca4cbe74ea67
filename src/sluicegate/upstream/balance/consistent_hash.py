"""Consistent hashing with bounded load: the same key to the same target, unless that has too much.

Every target has points on a ring of 64-bit numbers, and takes the keys before them. Where a target
goes away its keys, and no others, go to the next points, which belong to many different targets.
Points depend on nothing but the target's label, so every worker and replica has the same ring.
A target of less weight uses fewer of its points, in a fixed order: of a weight that rises the keys
that move all move to that target. Source of rings with many points: Karger et al. (1997); libketama
and nginx take 160 per target.

A target takes at most ceil(max_load / 100 * mean) calls at the same time, where the mean is over
those that can be had, by weight, the new call included; beyond that the next on the ring has its
turn. Source: Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads" (2016);
HAProxy's hash-balance-factor and Envoy's hash_balance_factor are the same.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Container, Sequence
from hashlib import shake_128
from random import Random
from typing import Final, Generic, TypeVar

from sluicegate.upstream.balance import TargetLike

Target = TypeVar("Target", bound=TargetLike)

POINTS: Final = 256
"""Of the heaviest target. The shares of two equal ones differ by about 1 / sqrt(POINTS): 6 %. A
weight below 1 / POINTS of the heaviest counts as that."""
PATIENCE: Final = 32
"""Points looked at in vain before it is made sure that there is anything to find."""
REWEIGH_PICKS: Final = 64
"""Picks after which it is noticed at the latest that all weights have become small."""
SHRUNK: Final = 16
"""How many times smaller that is. Not 1, or one that starts slowly would move everyone's keys."""


class ConsistentHash(Generic[Target]):
    """A search on the ring per pick, and a sum over the targets where the one found is busy."""

    __slots__ = (
        "_heaviest",
        "_left",
        "_max_load",
        "_only",
        "_owners",
        "_points",
        "_random",
        "_ranks",
        "_targets",
    )

    def __init__(self, targets: Sequence[Target], random: Random, max_load: int = 125) -> None:
        """`max_load` in percent of the mean, ≥ 100; `random` is for calls without a key."""
        self._targets = list(targets)
        self._only = self._targets[0] if len(self._targets) == 1 else None
        self._random = random.getrandbits
        self._max_load = max_load
        self._heaviest = 0
        points: list[int] = []
        seen: dict[str, int] = {}
        for target in self._targets:
            # The same address may be written twice, and is two targets then.
            again = seen[target.label] = seen.get(target.label, -1) + 1
            points += points_of(f"{target.label}#{again}" if again else target.label)
        order = sorted(range(len(points)), key=points.__getitem__)
        self._points = [points[at] for at in order]
        self._owners = [self._targets[at // POINTS] for at in order]
        self._ranks = [at % POINTS for at in order]
        self._weigh()

    def pick(self, exclude: Container[object] = (), key: int | None = None) -> Target | None:
        """Return the first from `key` on that has room; None when none can be had."""
        only = self._only
        if only is not None:
            return only if only.available and only.weight and only not in exclude else None
        self._left -= 1
        if self._left <= 0:
            self._weigh()
        return self._walk(self._random(64) if key is None else key, exclude)

    def _walk(self, key: int, exclude: Container[object]) -> Target | None:
        """Go from point to point, once around at most."""
        points, owners, ranks, heaviest = self._points, self._owners, self._ranks, self._heaviest
        at = bisect_left(points, key)
        calls, weights = 0, -1
        for looked in range(len(points)):
            if at == len(points):
                at = 0
            target = owners[at]
            weight = target.weight
            used = ranks[at] * heaviest < weight * POINTS
            if used and target.available and target not in exclude:
                busy = target.in_flight
                if not busy:
                    return target
                if weights < 0:
                    calls, weights = self._load(exclude)
                # A whole number is below ceil(x) where it is below x.
                if busy * 100 * weights < self._max_load * (calls + 1) * weight:
                    return target
            if looked == PATIENCE and weights < 0:
                calls, weights = self._load(exclude)
                if not weights:
                    return None
            at += 1
        return None

    def _load(self, exclude: Container[object]) -> tuple[int, int]:
        """Sum calls in flight, and weights, over the targets that can be had."""
        calls = weights = 0
        for target in self._targets:
            if target.available and target not in exclude:
                weight = target.weight
                if weight:
                    calls += target.in_flight
                    weights += weight
        return calls, weights

    def _weigh(self) -> None:
        """Find the weight that all points stand for."""
        heaviest = max((target.weight for target in self._targets), default=0)
        if heaviest > self._heaviest or heaviest * SHRUNK < self._heaviest:
            self._heaviest = heaviest
        self._left = REWEIGH_PICKS


def points_of(label: str) -> tuple[int, ...]:
    """Return the points of a target: 64-bit numbers, those first that a light target uses too."""
    return struct.unpack(f">{POINTS}Q", shake_128(label.encode()).digest(8 * POINTS))
