"""How a target is chosen: one file per algorithm.

An algorithm is built from the targets of a service, which it does not change, and asked once per
attempt. `weight`, `in_flight` and `available` may change between two calls; the next call sees it.
"""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from sluicegate.upstream.latency import Latency


class TargetLike(Protocol):
    """What an algorithm looks at."""

    label: str
    """Host and port: the same in every worker and replica."""
    weight: int
    """Share of calls beside its siblings; 0 takes none. Changes while a target starts slowly."""
    in_flight: int
    """Attempts begun and not ended."""
    available: bool
    """Whether it takes calls now."""
    latency: Latency
    """How long it takes to its first byte."""


Target_co = TypeVar("Target_co", bound=TargetLike, covariant=True)


class Balance(Protocol[Target_co]):
    """Chooses targets."""

    def pick(self, exclude: Container[object] = (), key: int | None = None) -> Target_co | None:
        """Return the target for the next attempt; None when none can be had.

        `exclude` holds targets not to be chosen, as those that this exchange has tried already.
        `key` is a number of 64 bits that stands for what a consistent hash keeps together (see
        upstream/hash_key.py), None where there is nothing such; other algorithms do not look.
        """
