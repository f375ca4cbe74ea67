"""What a new snapshot has no more use for: it is closed, and its series are forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluicegate.upstream.service import UpstreamService

if TYPE_CHECKING:
    from sluicegate.metrics import Metrics
    from sluicegate.snapshot.table import Snapshot


def close_replaced(previous: Snapshot, snapshot: Snapshot, metrics: Metrics) -> None:
    """Close what `previous` had and `snapshot` has not, and forget what is gone with it."""
    _close_models(previous, snapshot, metrics)
    for name, service in previous.services.items():
        successor = snapshot.services.get(name)
        if successor is service:
            continue
        service.close()
        if successor is None:
            metrics.forget(service=name)
            continue
        stay = {target.label for target in successor.targets}
        for target in service.targets:
            if target.label not in stay:
                metrics.forget(service=name, target=target.label)


def _close_models(previous: Snapshot, snapshot: Snapshot, metrics: Metrics) -> None:
    stays = {id(each) for each in snapshot.upstreams()}
    for each in previous.upstreams():
        if id(each) not in stays and not isinstance(each, UpstreamService):
            each.close()
    for kind, before, now in (
        ("provider", previous.providers, snapshot.providers),
        ("model", previous.models.pools, snapshot.models.pools),
        ("gen_ai_request_model", previous.models.pools, snapshot.models.pools),
    ):
        for name in before.keys() - now.keys():
            metrics.forget(**{kind: name})
    for name, pool in snapshot.models.pools.items():
        gone = previous.models.pools.get(name, pool)
        for label in {each.name for each in gone.deployments} - {
            each.name for each in pool.deployments
        }:
            metrics.forget(model=name, deployment=label)
