"""What calls go to: services, providers and models of a snapshot, made or taken over.

A model depends on its own resource and on those of its providers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from sluicegate.errors import ConfigError, Fault
from sluicegate.snapshot.document import decode
from sluicegate.snapshot.places import written
from sluicegate.snapshot.stored import SECTIONS

if TYPE_CHECKING:
    from sluicegate.model.model import Model
    from sluicegate.model.provider import Provider
    from sluicegate.model.service import Service
    from sluicegate.snapshot.document import Kind
    from sluicegate.snapshot.table import Snapshot
    from sluicegate.upstream.models.pool import ModelPool
    from sluicegate.upstream.provider_link import ProviderLink
    from sluicegate.upstream.service import UpstreamService

Items = Mapping["Kind", Mapping[str, bytes]]


class Closing(Protocol):
    """What lets go of its connections and timers."""

    def close(self) -> None:
        """Let go."""


Made = TypeVar("Made", bound=Closing)


class UpstreamMaker(Protocol):
    """Makes what calls go to. Raises ValueError or ConfigError for what cannot be run."""

    def service(self, name: str, config: Service) -> UpstreamService:
        """Make a service."""

    def provider(self, name: str, config: Provider) -> ProviderLink:
        """Make a provider."""

    def model(self, name: str, config: Model, links: Mapping[str, ProviderLink]) -> ModelPool:
        """Make a model."""


class Upstreams(NamedTuple):
    """Everything that calls go to, by name."""

    services: dict[str, UpstreamService]
    providers: dict[str, ProviderLink]
    models: dict[str, ModelPool]


def make_upstreams(
    maker: UpstreamMaker, items: Items, previous: Snapshot | None, faults: list[Fault]
) -> Generator[None, None, Upstreams]:
    """Make what is not as before; faults are added to `faults`, and then nothing new stays open."""
    work = _Making(items, {} if previous is None else previous.origin.items, faults)
    made, had = Upstreams({}, {}, {}), Upstreams({}, {}, {})
    if previous is not None:
        pools = previous.models.pools
        had = Upstreams(dict(previous.services), dict(previous.providers), dict(pools))
    yield from work.make("service", maker.service, had.services, made.services)
    yield from work.make("provider", maker.provider, had.providers, made.providers)
    if not faults:
        same = {name: pool for name, pool in had.models.items() if _linked(pool, made.providers)}

        def model(name: str, config: Model) -> ModelPool:
            return maker.model(name, config, made.providers)

        yield from work.make("model", model, same, made.models)
    if faults:
        for each in work.new:
            each.close()
    return made


class _Making:
    """Makes one kind after the other; `new` are those that were not there before."""

    def __init__(self, items: Items, before: Items, faults: list[Fault]) -> None:
        self._items = items
        self._before = before
        self._faults = faults
        self.new: list[Closing] = []

    def make(
        self,
        kind: Kind,
        make: Callable[[str, Any], Made],
        known: Mapping[str, Made],
        into: dict[str, Made],
    ) -> Generator[None, None, None]:
        """Make those of a kind, or take them over where nothing has changed."""
        before = self._before.get(kind, {})
        for name, raw in self._items.get(kind, {}).items():
            yield
            if name in known and before.get(name) == raw:
                into[name] = known[name]
                continue
            try:
                into[name] = make(name, decode(kind, raw))
            except ConfigError as error:
                self._faults += error.faults
            except ValueError as error:
                self._faults.append(Fault(written((SECTIONS[kind], name)), 0, str(error)))
            else:
                self.new.append(into[name])


def _linked(pool: ModelPool, providers: Mapping[str, ProviderLink]) -> bool:
    """Whether the providers of a model are those that it was made with."""
    return all(providers.get(each.link.name) is each.link for each in pool.deployments)
