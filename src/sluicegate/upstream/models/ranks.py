"""Which deployment is next: the lowest priority first, the own region first, then by balance.

Within a priority the own region takes what it can, as zones do (see `balance/zones.py`). A call
that has a key goes where that key went before, as long as that one can be had; without one, or
where the model is not sticky, the balance decides.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from random import Random
from typing import TYPE_CHECKING

from sluicegate.upstream.balance.least_requests import LeastRequests
from sluicegate.upstream.balance.peak_ewma import PeakEwma
from sluicegate.upstream.balance.rendezvous import Rendezvous
from sluicegate.upstream.balance.weighted_round_robin import WeightedRoundRobin
from sluicegate.upstream.balance.zones import ZonePreference

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.upstream.balance import Balance
    from sluicegate.upstream.models.deployment import Deployment


class Rank:
    """The deployments of one priority."""

    __slots__ = ("_balance", "_far", "_near")

    def __init__(
        self,
        deployments: Sequence[Deployment],
        balance: str,
        region: str | None,
        clock: Clock,
        random: Random,
    ) -> None:
        """`balance` as in the model's settings; `region` is our own."""
        near = [each for each in deployments if region is not None and each.region == region]
        far = [each for each in deployments if each not in near]
        self._near = Rendezvous(near, random)
        self._far = Rendezvous(far, random)
        self._balance: Balance[Deployment]
        if near and far:
            self._balance = ZonePreference(
                _plain(balance, near, clock, random),
                _plain(balance, far, clock, random),
                near,
                far,
                random,
            )
        else:
            self._balance = _plain(balance, deployments, clock, random)

    def pick(self, exclude: Container[object], key: int | None) -> Deployment | None:
        """Return the next one that is not in `exclude`; None when none can be had."""
        if key is None:
            return self._balance.pick(exclude)
        found = self._near.pick(exclude, key)
        return self._far.pick(exclude, key) if found is None else found


def ranks_of(
    deployments: Sequence[Deployment],
    balance: str,
    region: str | None,
    clock: Clock,
    random: Random,
) -> list[Rank]:
    """Return the ranks, those that are asked first in front."""
    by_priority: dict[int, list[Deployment]] = {}
    for each in deployments:
        by_priority.setdefault(each.config.priority, []).append(each)
    return [
        Rank(by_priority[priority], balance, region, clock, random)
        for priority in sorted(by_priority)
    ]


def _plain(
    balance: str, deployments: Sequence[Deployment], clock: Clock, random: Random
) -> Balance[Deployment]:
    if balance == "least_busy":
        return LeastRequests(deployments, random)
    if balance == "first_token":
        return PeakEwma(deployments, random, clock)
    return WeightedRoundRobin(deployments)
