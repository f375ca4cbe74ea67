"""From a service's settings to the algorithm that chooses its targets."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Protocol, TypeVar

from sluicegate.upstream.balance import Balance, TargetLike
from sluicegate.upstream.balance.consistent_hash import ConsistentHash
from sluicegate.upstream.balance.least_requests import LeastRequests
from sluicegate.upstream.balance.peak_ewma import PeakEwma
from sluicegate.upstream.balance.weighted_round_robin import WeightedRoundRobin
from sluicegate.upstream.balance.zones import ZonePreference

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.model.service import Service


class PlacedTarget(TargetLike, Protocol):
    """A target that may say where it runs."""

    zone: str | None


Target = TypeVar("Target", bound=PlacedTarget)


def build(
    config: Service, targets: Sequence[Target], clock: Clock, zone: str | None
) -> Balance[Target]:
    """Return what chooses of `targets`: all of a service, or a subset of them.

    `zone` is this replica's own. Where it has targets, and others have too, it is preferred;
    targets that do not say where they run are not in it.
    """
    random = Random()  # noqa: S311 - spreads load, no secret
    near = [target for target in targets if zone is not None and target.zone == zone]
    if not near or len(near) == len(targets):
        return _plain(config, targets, random, clock)
    far = [target for target in targets if target.zone != zone]
    return ZonePreference(
        _plain(config, near, random, clock), _plain(config, far, random, clock), near, far, random
    )


def _plain(
    config: Service, targets: Sequence[Target], random: Random, clock: Clock
) -> Balance[Target]:
    balance = config.balance
    if balance == "least_requests":
        return LeastRequests(targets, random)
    if balance == "weighted_round_robin":
        return WeightedRoundRobin(targets)
    if balance == "peak_ewma":
        return PeakEwma(targets, random, clock)
    return ConsistentHash(targets, random, balance.consistent_hash.max_load)
