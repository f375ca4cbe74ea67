"""The own zone first: the nearer targets take what they can, and the others the rest.

Calls within a zone are faster, and calls between zones are paid for. The own zone takes all calls
as long as 1 / 1.4 = 71 % of its weight can be had; below that it takes as much less, and the rest
goes to the other zones. Where those are short of targets too, both take calls in proportion to what
they have. Source: Envoy, "Priority levels" and "Overprovisioning factor" (default 1.4), of which
this is the case of two priorities, by weight instead of by number of hosts. As there, the others
must be able to take what the own zone cannot, and 71 % of the own zone all of its calls.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from random import Random
from typing import Final, Generic, TypeVar

from sluicegate.upstream.balance import Balance, TargetLike

Target = TypeVar("Target", bound=TargetLike)

OVERPROVISION: Final = 1.4
"""How many times the calls that it gets a zone can take. Envoy's overprovisioning factor."""
SIDES: Final = 2**32
"""Of a key, the lower half chooses the side; the upper decides the place on a ring."""


class ZonePreference(Generic[Target]):
    """Two algorithms, one for the own zone and one for all the others."""

    __slots__ = ("_far", "_far_targets", "_left", "_near", "_near_targets", "_random", "_share")

    def __init__(
        self,
        near: Balance[Target],
        far: Balance[Target],
        near_targets: Sequence[Target],
        far_targets: Sequence[Target],
        random: Random,
    ) -> None:
        """`near` chooses of `near_targets`, `far` of `far_targets`; no target is in both."""
        self._near = near
        self._far = far
        self._near_targets = list(near_targets)
        self._far_targets = list(far_targets)
        self._random = random.random
        self._left = 0
        self._share = 1.0

    def pick(self, exclude: Container[object] = (), key: int | None = None) -> Target | None:
        """Return a target of the side whose turn it is, or else of the other; or None.

        Calls with the same `key` have the same side, while the sides can do what they can.
        """
        self._left -= 1
        if self._left <= 0:
            self._weigh()
        share = self._share
        if share < 1.0:
            place = self._random() if key is None else (key % SIDES) / SIDES
            if place >= share:
                target = self._far.pick(exclude, key)
                return target if target is not None else self._near.pick(exclude, key)
        target = self._near.pick(exclude, key)
        return target if target is not None else self._far.pick(exclude, key)

    def _weigh(self) -> None:
        """Look at all targets, once in as many picks as there are targets."""
        near, far = ability(self._near_targets), ability(self._far_targets)
        both = min(1.0, near + far)
        self._share = min(1.0, near / both) if both else 1.0
        self._left = len(self._near_targets) + len(self._far_targets)


def ability(targets: Sequence[TargetLike]) -> float:
    """Return the part of all calls that these targets can take, 0 to 1, by weight."""
    usable = total = 0
    for target in targets:
        weight = target.weight
        total += weight
        if target.available:
            usable += weight
    return min(1.0, OVERPROVISION * usable / total) if total else 0.0
