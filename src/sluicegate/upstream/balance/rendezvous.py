"""Rendezvous hashing: the same key to the same target as long as that one can be had.

Each target draws a number from the key and its own label, and the best one is chosen; of a target
that goes away the keys, and no others, go to whoever is second for each. With a draw of
-ln(u) / weight, u uniform in (0, 1), a target wins in proportion to its weight, and when a weight
changes keys move only to or from that target. One draw for each target per pick: for few targets.
Source: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates" (1998); weights:
Schindelhauer and Schomaker, "Weighted Distributed Hash Tables" (2005), the logarithmic method.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from hashlib import blake2b
from math import log
from random import Random
from typing import Final, Generic, TypeVar

from sluicegate.upstream.balance import TargetLike

Target = TypeVar("Target", bound=TargetLike)

KEY_BYTES: Final = 8
DROPPED_BITS: Final = 11
"""Of 64: a double holds 53 exactly."""
ROOM: Final = 2.0**53


class Rendezvous(Generic[Target]):
    """Draws by a hash that is the same in every process."""

    __slots__ = ("_random", "_seeds", "_targets")

    def __init__(self, targets: Sequence[Target], random: Random) -> None:
        """`random` is for calls without a key."""
        self._targets = list(targets)
        self._random = random.getrandbits
        self._seeds: list[bytes] = []
        for place, target in enumerate(self._targets):
            again = sum(other.label == target.label for other in self._targets[:place])
            label = f"{target.label}#{again}" if again else target.label
            self._seeds.append(blake2b(label.encode(), digest_size=16).digest())

    def pick(self, exclude: Container[object] = (), key: int | None = None) -> Target | None:
        """Return the target that draws best for `key`; None when none can be had."""
        written = (self._random(64) if key is None else key).to_bytes(KEY_BYTES, "big")
        best: Target | None = None
        best_draw = 0.0
        for place, target in enumerate(self._targets):
            weight = target.weight
            if weight and target.available and target not in exclude:
                hashed = blake2b(written, key=self._seeds[place], digest_size=KEY_BYTES).digest()
                number = int.from_bytes(hashed, "big") >> DROPPED_BITS
                draw = -log((number + 0.5) / ROOM) / weight
                if best is None or draw < best_draw:
                    best, best_draw = target, draw
        return best
