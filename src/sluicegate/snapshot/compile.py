"""Resources to snapshot: incrementally, and in slices that the caller paces.

What is equal byte for byte to what the previous snapshot was built from is not built again. A route
depends on its own resource, on those of its services, on the plans and on the top-level policies; a
consumer on its own, on its team's and on the names of the peppers. Everything wrong is found before
anything is swapped: the compiler raises all faults at once and leaves the previous snapshot as it
was.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from sluicegate.errors import ConfigError, Fault
from sluicegate.journey import SECOND_HALF, STAGES
from sluicegate.journey.route.host_path import Candidate, RouteIndex
from sluicegate.journey.route.patterns import MatchFault
from sluicegate.model.route import WeightedService
from sluicegate.snapshot.document import decode, default_policies
from sluicegate.snapshot.keys import DirectoryBuilder, HeldKey, KeyDirectory, KeyFault, digest, hold
from sluicegate.snapshot.places import Place, written
from sluicegate.snapshot.steps import (
    GATEWAY,
    OUTER,
    Step,
    StepKey,
    StepMaker,
    joined,
    plan_scope,
    route_scope,
)
from sluicegate.snapshot.table import CompiledRoute, Snapshot
from sluicegate.snapshot.upstreams import Upstreams, make_upstreams
from sluicegate.upstream.models.table import ModelTable

if TYPE_CHECKING:
    from sluicegate.journey.limit.rule import Rule
    from sluicegate.journey.run import Handle, Handler
    from sluicegate.model.route import Ai, Route
    from sluicegate.policy import Parts
    from sluicegate.snapshot.document import Kind, Resources
    from sluicegate.snapshot.policies import PolicyCatalog
    from sluicegate.snapshot.upstreams import UpstreamMaker
    from sluicegate.upstream.destination import Destination

SLICE = 20
"""Items between two yields. 20 new routes take well below a millisecond."""
ANSWERS_PREFLIGHT = "cors"
"""The policy that answers CORS preflights, whatever methods its route takes."""

Slices = Generator[None, None, None]
Items = dict[str, bytes]


class Origin(NamedTuple):
    """What a snapshot was built from, by name: the start of the next one. Holds no keys.

    Of consumers it keeps a digest instead of the resource, and of peppers the name.
    """

    items: Mapping[Kind, Items]
    steps: Mapping[str, Mapping[StepKey, Step]]
    candidates: Mapping[str, Candidate]
    held: Mapping[str, Sequence[HeldKey]]


NOTHING = Origin({}, {}, {}, {})


class AiSteps(Protocol):
    """The fixed steps of a route with AI endpoints."""

    def opening(self, ai: Ai) -> Handle:
        """Return the first step of the route."""

    def reading(self, ai: Ai) -> tuple[Handle, Handler]:
        """Return the first step of `authorize`, and the innermost one."""


class Compiler:
    """Compiles one snapshot after another. Everything it needs of other parts is passed in."""

    def __init__(  # noqa: PLR0913 - all parts meet here
        self,
        catalog: PolicyCatalog,
        parts: Parts,
        upstreams: UpstreamMaker,
        *,
        route_stage: Handler,
        second_half: Handler,
        dispatch: Handler,
        nest: Callable[[Sequence[Handle], Handler], Handler],
        limiter: Callable[[Sequence[Rule]], Handle],
        ai: AiSteps,
    ) -> None:
        """Keep what is passed in."""
        self.catalog = catalog
        self.parts = parts
        self.upstreams = upstreams
        self.ai = ai
        self.route_stage = route_stage
        self.second_half = second_half
        self.dispatch = dispatch
        self.nest = nest
        self.limiter = limiter
        self.own_pepper = secrets.token_bytes(32)

    def compile(
        self, resources: Resources, previous: Snapshot | None
    ) -> Generator[None, None, Snapshot]:
        """Build a snapshot; the generator returns it. Raises ConfigError with every fault."""
        work = _Compilation(self, previous)
        yield from work.sort(resources)
        yield from work.read_policies()
        yield from work.read_routes()
        yield from work.read_consumers()
        index = yield from work.index_routes()
        work.raise_faults()
        yield from work.make_upstreams()
        yield from work.assemble_routes()
        return Snapshot(
            resources.revision,
            work.routes,
            index,
            work.upstreams.services,
            work.keys,
            self.chain([s for s in work.gateway if STAGES[s.rank] in OUTER], self.route_stage),
            work.origin(),
            work.upstreams.providers,
            ModelTable(work.upstreams.models),
        )

    def chain(self, steps: Sequence[Step], innermost: Handler) -> Handler:
        """Nest steps in the order of their stages."""
        return self.nest(joined(steps, self.limiter), innermost)


class _Draft(NamedTuple):
    """A route that is to be assembled once its services are there."""

    name: str
    config: Route
    steps: list[Step]
    shares: list[WeightedService]


class _Compilation:
    """The work on one snapshot."""

    def __init__(self, compiler: Compiler, previous: Snapshot | None) -> None:
        self.compiler = compiler
        self.previous = previous
        self.had = NOTHING if previous is None else previous.origin
        self.faults: list[Fault] = []
        self.items: dict[Kind, Items] = {}
        self.fingerprints: Items = {}
        self.steps = StepMaker(compiler.catalog, compiler.parts, self.had.steps, self.faults)
        self.gateway: list[Step] = []
        self.plans: dict[str, list[Step]] = {}
        self.drafts: deque[_Draft] = deque()
        self.candidates: dict[str, Candidate] = {}
        self.routes: dict[str, CompiledRoute] = {}
        self.upstreams = Upstreams({}, {}, {})
        self.held: dict[str, Sequence[HeldKey]] = {}
        self.keys = KeyDirectory()

    def sort(self, resources: Resources) -> Slices:
        """Part the resources by kind."""
        for count, ((kind, name), raw) in enumerate(resources.items.items()):
            if count % SLICE == 0:
                yield
            self.items.setdefault(kind, {})[name] = raw

    def origin(self) -> Origin:
        """Return what the next snapshot can start from."""
        kept = self.items | {
            "consumer": self.fingerprints,
            "pepper": dict.fromkeys(self._named("pepper"), b""),
        }
        return Origin(kept, self.steps.made, self.candidates, self.held)

    def raise_faults(self) -> None:
        """End here if anything is wrong."""
        if self.faults:
            raise ConfigError(self.faults)

    # --- what may be faulty, and is looked at first --------------------------------------------

    def read_policies(self) -> Slices:
        """Make the policies of the gateway and of every plan."""
        written = self._named("policies").get("")
        uses = default_policies() if written is None else decode("policies", written)
        self.gateway = self.steps.make(GATEWAY, uses)
        for name, raw in self._named("plan").items():
            yield
            self.plans[name] = self.steps.make(plan_scope(name), decode("plan", raw).policies)

    def read_routes(self) -> Slices:
        """Make the policies of every route that is not as before, and read its match."""
        shared = self.previous is not None and all(
            self._named(kind) == self.had.items.get(kind, {}) for kind in ("policies", "plan")
        )
        same_services = {
            name
            for name, raw in self._named("service").items()
            if self.had.items.get("service", {}).get(name) == raw
        }
        for count, (name, raw) in enumerate(self._named("route").items()):
            if count % SLICE == 0:
                yield
            same = self.had.items.get("route", {}).get(name) == raw
            had = None if self.previous is None else self.previous.routes.get(name)
            if same and had and shared and same_services.issuperset(_services(had.config)):
                self.routes[name] = had
                self.candidates[name] = self.had.candidates[name]
                self.steps.keep(route_scope(name))
            else:
                config = had.config if same and had else decode("route", raw)
                self._read_route(name, config, had)

    def _read_route(self, name: str, config: Route, had: CompiledRoute | None) -> None:
        steps = [*self.gateway, *self.steps.make(route_scope(name), config.policies)]
        shares = _shares(config)
        known = self._named("service")
        for share in shares:
            if share.service not in known:
                self._fault(("routes", name, "service"), f"there is no service {share.service!r}")
        preflight = any(step.name == ANSWERS_PREFLIGHT for step in steps)
        candidate = self.had.candidates[name] if had and had.match == config.match else None
        if candidate is None or candidate.answers_preflight is not preflight:
            try:
                candidate = Candidate(name, config.match, answers_preflight=preflight)
            except MatchFault as error:
                self._fault(("routes", name, "match", error.part), str(error))
                return
        self.candidates[name] = candidate
        self.drafts.append(_Draft(name, config, steps, shares))

    def read_consumers(self) -> Slices:
        """Digest the keys of every consumer that is not as before, and fill the directory."""
        peppers = {n: decode("pepper", raw).encode() for n, raw in self._named("pepper").items()}
        fingerprints = self.had.items.get("consumer", {})
        same_peppers = peppers.keys() == self.had.items.get("pepper", {}).keys()
        moved = self._teams_moved()
        builder = DirectoryBuilder(peppers, self.compiler.own_pepper)
        for count, (name, raw) in enumerate(self._named("consumer").items()):
            if count % SLICE == 0:
                yield
            print_ = self.fingerprints[name] = digest(self.compiler.own_pepper, raw)
            held = self.had.held.get(name, ())
            same = same_peppers and fingerprints.get(name) == print_
            if same and not (held and held[0].record.consumer.team in moved):
                self.held[name] = held
            else:
                yield from self._hold_keys(name, raw, peppers)
            for index, key in enumerate(self.held[name]):
                if index % SLICE == SLICE - 1:
                    yield
                other = builder.add(key)
                if other is not None:
                    place = ("consumers", name, "keys", index)
                    self._fault(place, f"the consumer {other!r} has the same key")
        self.keys = builder.directory()

    def _teams_moved(self) -> set[str | None]:
        now, had = self._named("team"), self.had.items.get("team", {})
        return {name for name in now.keys() | had.keys() if now.get(name) != had.get(name)}

    def _hold_keys(self, name: str, raw: bytes, peppers: Mapping[str, bytes]) -> Slices:
        consumer = decode("consumer", raw)
        self._check_plan(("consumers", name, "plan"), consumer.plan)
        plan = consumer.plan or self._plan_of_team(name, consumer.team)
        bearer = msgspec.structs.replace(consumer, plan=plan, keys=[])
        held: list[HeldKey] = []
        for index, key in enumerate(consumer.keys):
            if index % SLICE == SLICE - 1:
                yield
            self._check_plan(("consumers", name, "keys", index, "plan"), key.plan)
            try:
                held.append(hold(name, bearer, index, key, peppers, self.compiler.own_pepper))
            except KeyFault as error:
                part = (error.part,) if error.part else ()
                self._fault(("consumers", name, "keys", index, *part), str(error))
        self.held[name] = held

    def _check_plan(self, place: Place, plan: str | None) -> None:
        if plan is not None and plan not in self._named("plan"):
            self._fault(place, f"there is no plan {plan!r}")

    def _plan_of_team(self, consumer: str, team: str | None) -> str | None:
        if team is None:
            return None
        raw = self._named("team").get(team)
        if raw is None:
            self._fault(("consumers", consumer, "team"), f"there is no team {team!r}")
            return None
        plan: str | None = decode("team", raw).plan
        return plan

    def index_routes(self) -> Generator[None, None, RouteIndex]:
        """Build the index, or take it over when no match has changed."""
        had = self.had.candidates
        if self.previous is not None and len(had) == len(self.candidates):
            yield
            if all(had.get(name) is candidate for name, candidate in self.candidates.items()):
                return self.previous.index
        index = RouteIndex()
        for count, candidate in enumerate(self.candidates.values()):
            if count % SLICE == 0:
                yield
            index.add(candidate)
        return index

    # --- what comes once all of it is known to be right ------------------------------------------

    def make_upstreams(self) -> Slices:
        """Make what calls go to and is not as before. Closes the new ones if one cannot be."""
        maker = self.compiler.upstreams
        made = yield from make_upstreams(maker, self.items, self.previous, self.faults)
        self.raise_faults()
        self.upstreams = made

    def assemble_routes(self) -> Slices:
        """Put the new routes together."""
        while self.drafts:  # emptied on the way, so that they are not all freed in one slice
            if len(self.drafts) % SLICE == 0:
                yield
            draft = self.drafts.popleft()
            self.routes[draft.name] = self._assemble(draft)

    def _assemble(self, draft: _Draft) -> CompiledRoute:
        compiler, plans = self.compiler, self.plans
        first: list[Step] = []
        second: list[Step] = []
        for step in draft.steps:
            stage = STAGES[step.rank]
            if stage not in OUTER:
                (second if stage in SECOND_HALF else first).append(step)

        ai = draft.config.ai
        dispatch, reading = compiler.dispatch, None
        if ai is not None:
            reading, dispatch = compiler.ai.reading(ai)

        def build_half(plan: str | None) -> Handler:
            own = [] if plan is None else plans[plan]
            half = compiler.chain([*second, *own], dispatch)
            return half if reading is None else compiler.nest([reading], half)

        chain = compiler.chain(first, compiler.second_half)
        return CompiledRoute(
            draft.name,
            draft.config,
            chain if ai is None else compiler.nest([compiler.ai.opening(ai)], chain),
            build_half,
            [(self._destination(share, draft.config), share.weight) for share in draft.shares],
            self.candidates[draft.name].path.params,
        )

    def _destination(self, share: WeightedService, config: Route) -> Destination:
        return self.upstreams.services[share.service].destination(share.labels, config.timeouts)

    def _named(self, kind: Kind) -> Items:
        return self.items.get(kind, {})

    def _fault(self, place: Place, message: str) -> None:
        self.faults.append(Fault(written(place), 0, message))


def _shares(config: Route) -> list[WeightedService]:
    if isinstance(config.service, list):
        return config.service
    return [] if config.service is None else [WeightedService(service=config.service, weight=1)]


def _services(config: Route) -> list[str]:
    return [share.service for share in _shares(config)]
