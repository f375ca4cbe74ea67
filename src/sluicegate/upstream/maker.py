"""Makes what calls go to, one snapshot after another; what has a predecessor goes on as that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sluicegate.upstream.models.pool import MakeQuota, ModelPool
from sluicegate.upstream.provider_link import ProviderLink
from sluicegate.upstream.service import UpstreamService

if TYPE_CHECKING:
    from sluicegate.model.model import Model
    from sluicegate.model.provider import Provider
    from sluicegate.model.service import Service
    from sluicegate.snapshot.table import Snapshot
    from sluicegate.upstream.models.cooldowns import Cooldowns
    from sluicegate.upstream.service import Surroundings


class Maker:
    """Makes services, providers and models. Raises ValueError or ConfigError."""

    def __init__(
        self,
        shared: Surroundings,
        cooldowns: Cooldowns,
        quota: MakeQuota,
        region: str,
        snapshot: Callable[[], Snapshot | None],
    ) -> None:
        """`region` is our own; `snapshot` returns the one that runs."""
        self._shared = shared
        self._cooldowns = cooldowns
        self._quota = quota
        self._region = region
        self._snapshot = snapshot

    def service(self, name: str, config: Service) -> UpstreamService:
        """Make a service."""
        running = self._snapshot()
        previous = None if running is None else running.services.get(name)
        return UpstreamService(name, config, self._shared, previous)

    def provider(self, name: str, config: Provider) -> ProviderLink:
        """Make a provider; it has nothing to go on with but its connections."""
        return ProviderLink(name, config, self._shared, self._shared.metrics)

    def model(self, name: str, config: Model, links: Mapping[str, ProviderLink]) -> ModelPool:
        """Make a model."""
        running = self._snapshot()
        previous = None if running is None else running.models.pools.get(name)
        return ModelPool(
            name,
            config,
            links,
            self._shared,
            self._cooldowns,
            region=self._region,
            quota=self._quota,
            previous=previous,
        )
