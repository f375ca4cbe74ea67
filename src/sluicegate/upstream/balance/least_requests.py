"""Least requests: of two targets drawn by weight, the less busy one.

Busy is `in_flight / weight`, so that a target of weight 2 is as busy with 20 calls as one of weight
1 with 10. Envoy's least request balancer does the same (Envoy, "Supported load balancers").
"""

from __future__ import annotations

from typing import TypeVar

from sluicegate.upstream.balance import TargetLike
from sluicegate.upstream.balance.two_choices import TwoChoices

Target = TypeVar("Target", bound=TargetLike)


class LeastRequests(TwoChoices[Target]):
    """Two draws per pick, and the number of calls in flight decides."""

    __slots__ = ()

    def _better(self, first: Target, second: Target) -> Target:
        if second.in_flight * first.weight < first.in_flight * second.weight:
            return second
        return first
