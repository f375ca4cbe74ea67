"""Weighted round robin, smooth: calls are spread in time as evenly as the weights allow.

Source: nginx, ngx_http_upstream_round_robin.c (commit 52327e0627f4). Each target holds a credit. A
pick adds to every target its weight, takes the one with the highest credit, and subtracts the sum
of the weights from it. For weights 5, 1, 1 that is a a b a c a a, not a a a a a b c; over a cycle
as long as the sum of the weights each target has exactly its share.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Generic, TypeVar

from sluicegate.upstream.balance import TargetLike

Target = TypeVar("Target", bound=TargetLike)


class WeightedRoundRobin(Generic[Target]):
    """One pass over the targets per pick. With a single target there is nothing to compute."""

    __slots__ = ("_credits", "_only", "_targets", "_weights")

    def __init__(self, targets: Sequence[Target]) -> None:
        """Start with equal credit: the heaviest target, and of those the first, comes first."""
        self._targets = list(targets)
        self._only = self._targets[0] if len(self._targets) == 1 else None
        self._weights = [target.weight for target in self._targets]
        self._credits = [0] * len(self._targets)

    def pick(self, exclude: Container[object] = (), key: int | None = None) -> Target | None:  # noqa: ARG002 - of the protocol
        """Return the target that is furthest behind its share; None when none can be had."""
        only = self._only
        if only is not None:
            return only if only.available and only.weight and only not in exclude else None
        weights = [target.weight for target in self._targets]
        if weights != self._weights:
            self._reweigh(weights)
        credit = self._credits
        best: Target | None = None
        best_at = total = 0
        for at, (target, weight) in enumerate(zip(self._targets, weights, strict=True)):
            # Who is passed over keeps its credit: it neither saves up nor pays back.
            if weight and target.available and target not in exclude:
                credit[at] += weight
                total += weight
                if best is None or credit[at] > credit[best_at]:
                    best, best_at = target, at
        if best is not None:
            credit[best_at] -= total
        return best

    def _reweigh(self, weights: list[int]) -> None:
        """Bring credit into the new measure, where the old could outweigh many picks.

        To forget it instead would begin each round anew with the heaviest; a target that starts
        slowly changes its weight several times a second, and the last would never have a turn.
        """
        before, after = sum(self._weights) or 1, sum(weights)
        # Towards zero, not down, or every change would leave a little more debt than credit.
        self._credits = [int(credit * after / before) for credit in self._credits]
        self._weights = weights
