"""A model at run time: its deployments, which of them is next, and what is said when none is."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from random import Random
from typing import TYPE_CHECKING

from sluicegate.errors import ConfigError, Fault
from sluicegate.llm.failure import Failure
from sluicegate.upstream.hedge import Hedging
from sluicegate.upstream.models.deployment import FAILING, LIMITED, Deployment
from sluicegate.upstream.models.prompt import sticky_key_of
from sluicegate.upstream.models.ranks import ranks_of

if TYPE_CHECKING:
    from msgspec import Raw

    from sluicegate.exchange import Exchange
    from sluicegate.metrics import Family
    from sluicegate.model.model import Deployment as DeploymentConfig
    from sluicegate.model.model import Model
    from sluicegate.upstream.models.cooldowns import Cooldowns
    from sluicegate.upstream.models.deployment import Quota
    from sluicegate.upstream.provider_link import ProviderLink
    from sluicegate.upstream.service import Surroundings

MakeQuota = Callable[[str, "DeploymentConfig"], "Quota | None"]


def _unlimited(_model: str, _config: DeploymentConfig) -> Quota | None:
    return None


class ModelPool:
    """What a name of `models` leads to. `close` it when its snapshot is gone."""

    def __init__(
        self,
        name: str,
        config: Model,
        links: Mapping[str, ProviderLink],
        shared: Surroundings,
        cooldowns: Cooldowns,
        *,
        region: str | None = None,
        quota: MakeQuota = _unlimited,
        previous: ModelPool | None = None,
    ) -> None:
        """Prepare to choose. Raises ConfigError for a provider that `links` does not have.

        `region` is our own; `quota` makes the limits of a deployment of a model. Deployments of
        `previous`, the pool of that name until now, go on as they were.
        """
        self.name = name
        self.config = config
        self.hedging = None if config.hedge is None else Hedging(config.hedge)
        self._sticky_key = None if config.sticky is None else sticky_key_of(config.sticky.by)
        self._clock = shared.clock
        self._metrics = shared.metrics
        self._cooldowns = cooldowns
        before = {} if previous is None else {each.name: each for each in previous.deployments}
        self.deployments: list[Deployment] = []
        for place, each in enumerate(config.deployments):
            link = links.get(each.provider)
            if link is None:
                path = f"models.{name}.deployments[{place}].provider"
                raise ConfigError([Fault(path, 0, f"there is no provider `{each.provider}`")])
            made = Deployment(
                name, each, link, shared.clock, config.cooldown, cooldowns, quota(name, each),
                prices=shared.prices,
            )  # fmt: skip
            known = before.get(made.name)
            if known is not None:
                made.resume(known)
            self.deployments.append(made)
        self._by_name = {each.name: each for each in reversed(self.deployments)}
        random = Random()  # noqa: S311 - spreads load, no secret
        self._ranks = ranks_of(self.deployments, config.balance, region, shared.clock, random)
        self._availability: Family = shared.metrics.family(
            "sluicegate_model_deployment_available",
            "gauge",
            "Whether a deployment takes calls: 0 while it rests. The smallest of the workers.",
            ("model", "deployment"),
            merge="min",
        )
        self._fallbacks: Family = shared.metrics.family(
            "sluicegate_model_fallbacks_total",
            "counter",
            "Calls that went on to another model, by what was wrong with the last answer.",
            ("model", "to", "reason"),
        )
        for deployment in self.deployments:
            cooldowns.add(deployment)
        shared.metrics.at_scrape(self._observe)

    def sticky_key(self, exchange: Exchange, fields: Mapping[str, Raw]) -> int | None:
        """Return what keeps a call with others, from the members of its body; None for nothing."""
        return None if self._sticky_key is None else self._sticky_key(exchange, fields)

    def pick(
        self, exclude: Container[object] = (), sticky_key: int | None = None
    ) -> Deployment | None:
        """Return the deployment for the next call, none of `exclude`; None where all rest."""
        for rank in self._ranks:
            found = rank.pick(exclude, sticky_key)
            if found is not None:
                return found
        return None

    def has_another(self, exclude: Container[object] = ()) -> bool:
        """Say whether `pick` would find one. It changes nothing, so nobody loses a turn."""
        return any(
            each.available and each.weight and each not in exclude for each in self.deployments
        )

    def last_resort(self, exclude: Container[object] = ()) -> Deployment | None:
        """Return, where all rest and no other model is left, who may be asked nevertheless.

        That is the one that was to be back first of those that only failed: no provider has said
        that it wants to be left alone, and what fails now and then is better than no answer.
        """
        best: Deployment | None = None
        for each in self.deployments:
            fails = each.weight and each.rests_for == FAILING and each not in exclude
            if fails and (best is None or each.rests_until < best.rests_until):
                best = each
        return best

    def find(self, name: str) -> Deployment | None:
        """Return the deployment of this name."""
        return self._by_name.get(name)

    def exhausted(self) -> Failure:
        """Say that nobody can be asked now, and when to come again, where that is known."""
        now = self._clock.monotonic()
        waits = [each.retry_after_s(now) for each in self.deployments if each.weight]
        wait_s = min(waits, default=0.0)
        said = {each.rests_for for each in self.deployments if each.weight and each.rests_for}
        limited = said == {LIMITED} or (not said and wait_s > 0.0)
        return Failure(
            kind="rate_limited" if limited else "unavailable",
            status=429 if limited else 503,
            message=f"no deployment of the model `{self.name}` takes calls at the moment",
            retry_after_s=wait_s or None,
            ours=True,
        )

    def fell_back(self, to: str, reason: str) -> None:
        """Count a call that goes on to another model."""
        self._fallbacks.cell(self.name, to, reason).value += 1

    def close(self) -> None:
        """Let go of what is shared; calls under way end as they would."""
        self._observe()
        self._metrics.forget_at_scrape(self._observe)
        for each in self.deployments:
            self._cooldowns.remove(each)
            each.close()

    def _observe(self) -> None:
        for each in self.deployments:
            self._availability.cell(self.name, each.name).value = 1.0 if each.available else 0.0
