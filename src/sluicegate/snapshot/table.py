"""What a worker runs by: routes ready to follow, services, keys. Immutable once built.

Two things do change inside: the memo of second halves, which only holds what would be built anew,
and whose turn it is among a route's weighted services.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sluicegate.errors import NO_ROUTE, UNAVAILABLE, Refused
from sluicegate.journey.route.canary import Canary

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange, Request
    from sluicegate.journey.route.host_path import RouteIndex
    from sluicegate.journey.run import Handler
    from sluicegate.model.route import Match, Route
    from sluicegate.process.health import HealthView
    from sluicegate.snapshot.compile import Origin
    from sluicegate.snapshot.keys import KeyDirectory
    from sluicegate.snapshot.upstreams import Closing
    from sluicegate.upstream.destination import Destination
    from sluicegate.upstream.models.table import ModelTable
    from sluicegate.upstream.provider_link import ProviderLink
    from sluicegate.upstream.service import UpstreamService

LATER = ((b"retry-after", b"1"),)


class CompiledRoute:
    """One route, ready to follow.

    `chain` is the first half, up to `authenticate`; it ends in the step that asks for
    `second_half`. `params` are names of path parameters with their places. `upgrade` holds tokens
    in lower case.
    """

    __slots__ = (
        "_build_half",
        "_canary",
        "_halves",
        "chain",
        "config",
        "destinations",
        "name",
        "params",
        "upgrade",
    )

    def __init__(
        self,
        name: str,
        config: Route,
        chain: Handler,
        build_half: Callable[[str | None], Handler],
        destinations: Sequence[tuple[Destination, int]],
        params: tuple[tuple[str, int], ...] = (),
    ) -> None:
        """`build_half` builds the second half for a plan; raises KeyError for an unknown one."""
        self.name = name
        self.config = config
        self.chain = chain
        self.destinations = tuple(destinations)
        self.params = params
        self.upgrade = frozenset(token.lower() for token in config.upgrade)
        self._build_half = build_half
        self._halves: dict[str | None, Handler] = {}
        self._canary = Canary(destinations)

    @property
    def match(self) -> Match:
        """Which requests the route takes, as configured."""
        return self.config.match

    def second_half(self, plan: str | None) -> Handler:
        """Return the chain from `authorize` on for callers under `plan`; built on first use.

        Raises Refused, UNAVAILABLE, for a plan that the configuration does not have: what is known
        of a stored key may be older, or newer. Nobody goes on without the limits of a plan.
        """
        half = self._halves.get(plan)
        if half is None:
            try:
                half = self._halves[plan] = self._build_half(plan)
            except KeyError:
                raise Refused(UNAVAILABLE, "the caller's plan is not known here", LATER) from None
        return half

    def pick_destination(self, exchange: Exchange) -> Destination:  # noqa: ARG002 - what may decide
        """Choose the service for an exchange. Raises Refused when there is none to choose."""
        destination = self._canary.pick()
        if destination is None:
            if self.destinations:
                raise Refused(UNAVAILABLE, "no service of the route takes traffic")
            raise Refused(NO_ROUTE, "the route leads to no service")
        return destination

    def path_params(self, path: str) -> dict[str, str]:
        """Return the path parameters, escaped as they stand in `path`, which the route matched."""
        segments = path.split("/")
        return {name: segments[place] for name, place in self.params}


class Snapshot:
    """A whole configuration, compiled.

    `entry` is what an exchange starts with: the policies outside the route stage, around it.
    `health` answers probes on the data port; its owner sets it, None where that is off. `origin` is
    for the compiler: what the next snapshot can be built from.
    """

    __slots__ = (
        "entry",
        "health",
        "index",
        "keys",
        "models",
        "origin",
        "providers",
        "revision",
        "routes",
        "services",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - all parts meet here
        self,
        revision: str,
        routes: Mapping[str, CompiledRoute],
        index: RouteIndex,
        services: Mapping[str, UpstreamService],
        keys: KeyDirectory,
        entry: Handler,
        origin: Origin,
        providers: Mapping[str, ProviderLink],
        models: ModelTable,
    ) -> None:
        """Put the parts together."""
        self.providers = providers
        self.models = models
        self.revision = revision
        self.routes = routes
        self.index = index
        self.services = services
        self.keys = keys
        self.entry = entry
        self.origin = origin
        self.health: HealthView | None = None

    def upstreams(self) -> Iterator[Closing]:
        """Return everything that calls go to, models first: they use providers."""
        yield from self.models.pools.values()
        yield from self.providers.values()
        yield from self.services.values()

    def find(self, request: Request) -> CompiledRoute:
        """Return the route that takes the request.

        Raises Refused: NO_ROUTE, or METHOD_NOT_ALLOWED with `Allow`.
        """
        return self.routes[self.index.find(request).name]
