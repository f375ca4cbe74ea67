"""How a target is chosen: one file per algorithm.

An algorithm is built from the targets of a service, which it does not change, and asked once per
attempt. `weight`, `in_flight` and `available` may change between two calls; the next call sees it.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Protocol, TypeVar


class TargetLike(Protocol):
    """What an algorithm looks at."""

    weight: int
    """Share of calls beside its siblings; 0 takes none."""
    in_flight: int
    """Attempts begun and not ended."""
    available: bool
    """Whether it takes calls now."""


Target_co = TypeVar("Target_co", bound=TargetLike, covariant=True)


class Balance(Protocol[Target_co]):
    """Chooses targets."""

    def pick(self, exclude: Container[object] = ()) -> Target_co | None:
        """Return the target for the next attempt; None when none can be had.

        `exclude` holds targets not to be chosen, as those that this exchange has tried already.
        """
