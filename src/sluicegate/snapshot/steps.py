"""Policies made ready: from a name and settings to a step with a place in the order of stages.

A policy object belongs to a scope (`gateway`, `route:<name>`, `plan:<name>`), and one whose scope,
name and settings are as before is kept, with whatever it has counted or opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import msgspec

from sluicegate.errors import ConfigError, Fault
from sluicegate.journey import SECOND_HALF, STAGES
from sluicegate.model import units
from sluicegate.snapshot.places import Place, written

if TYPE_CHECKING:
    from sluicegate.journey.limit.rule import Rule
    from sluicegate.journey.run import Handle
    from sluicegate.policy import Limiting, Parts
    from sluicegate.snapshot.policies import PolicyCatalog, PolicyKind

OUTER = STAGES[: STAGES.index("screen")]
"""Stages around the choice of a route; their policies are the gateway's."""
FIRST_HALF = STAGES[len(OUTER) : STAGES.index(SECOND_HALF[0])]

StepKey = tuple[str, bytes, int]
"""A policy's name, its settings as msgpack, and how many the same stand before it."""


class Step(NamedTuple):
    """One policy in a chain. `rank` is its stage's place in STAGES; `rules` are its limits."""

    rank: int
    name: str
    handle: Handle
    rules: Sequence[Rule] = ()


class Scope(NamedTuple):
    """Where policies are used.

    `name` is `gateway`, `route:<name>` or `plan:<name>`, `place` is where their list stands in the
    configuration, and `stages` are those that its policies may belong to.
    """

    name: str
    place: Place
    stages: Sequence[str]


GATEWAY = Scope("gateway", ("policies",), STAGES)


def route_scope(name: str) -> Scope:
    """Return the scope of a route."""
    return Scope(f"route:{name}", ("routes", name, "policies"), FIRST_HALF + SECOND_HALF)


def plan_scope(name: str) -> Scope:
    """Return the scope of a plan."""
    return Scope(f"plan:{name}", ("plans", name, "policies"), SECOND_HALF)


class StepMaker:
    """Makes steps, or takes them over, and collects what is wrong with their settings."""

    def __init__(
        self,
        catalog: PolicyCatalog,
        parts: Parts,
        had: Mapping[str, Mapping[StepKey, Step]],
        faults: list[Fault],
    ) -> None:
        """`had` is what the snapshot before this one held, by scope."""
        self.made: dict[str, Mapping[StepKey, Step]] = {}
        self._catalog = catalog
        self._parts = parts
        self._had = had
        self._faults = faults

    def keep(self, scope: Scope) -> None:
        """Take everything of a scope over as it was."""
        self.made[scope.name] = self._had.get(scope.name, {})

    def make(self, scope: Scope, uses: Sequence[Mapping[str, Any]]) -> list[Step]:
        """Return the steps of one scope, in the order written; faulty ones are left out."""
        had = self._had.get(scope.name, {})
        made: dict[StepKey, Step] = {}
        for position, use in enumerate(uses):
            name, settings = next(iter(use.items()))
            raw = msgspec.msgpack.encode(settings, enc_hook=units.encode_hook)
            key = (name, raw, sum(k[:2] == (name, raw) for k in made))
            place = (*scope.place, position, name)
            step = had.get(key) or self._make(scope, place, name, settings)
            if step is not None:
                made[key] = step
        self.made[scope.name] = made
        return list(made.values())

    def _make(self, scope: Scope, place: Place, name: str, settings: object) -> Step | None:
        try:
            kind = self._kind(scope, name)
            config = units.convert({} if settings is None else settings, kind.config)
            policy = kind.policy(config, replace(self._parts, scope=scope.name))
        except ConfigError as error:
            self._faults += [Fault(written(place), 0, fault.message) for fault in error.faults]
        except ValueError as error:
            self._faults.append(Fault(written(place), 0, str(error)))
        # Whatever else a stranger's policy raises must not end a worker that has a good snapshot.
        except Exception as error:  # noqa: BLE001 - it is a fault of the configuration
            message = f"the policy cannot be built: {type(error).__name__}: {error}"
            self._faults.append(Fault(written(place), 0, message))
        else:
            # To ask a protocol by `isinstance` would be a fifth of the work on 10 000 routes.
            rules = cast("Limiting", policy).rules if hasattr(policy, "rules") else ()
            return Step(STAGES.index(kind.stage), name, policy.handle, rules)
        return None

    def _kind(self, scope: Scope, name: str) -> PolicyKind:
        try:
            kind = self._catalog.find(name)
        except KeyError as error:
            raise ValueError("there is no policy of this name") from error
        if kind.stage not in scope.stages:
            raise ValueError(_misplaced(kind))
        return kind


def joined(steps: Sequence[Step], limiter: Callable[[Sequence[Rule]], Handle]) -> list[Handle]:
    """Return what to nest, in the order of stages; within a stage the steps stay as they are.

    Limits of a stage are taken together: they become one step at the place of the first of them.
    """
    ordered = sorted(steps, key=attrgetter("rank"))
    limits: dict[int, list[Step]] = {}
    for step in ordered:
        if step.rules:
            limits.setdefault(step.rank, []).append(step)
    handles: list[Handle] = []
    for step in ordered:
        together = limits.get(step.rank, [])
        if not step.rules or len(together) == 1:
            handles.append(step.handle)
        elif step is together[0]:
            handles.append(limiter([rule for each in together for rule in each.rules]))
    return handles


def _misplaced(kind: PolicyKind) -> str:
    if kind.stage in OUTER:
        where = "the top-level `policies`"
    else:
        where = "a route or the top-level `policies`: the caller's plan is not known before it ran"
    return f"a policy of the stage `{kind.stage}` belongs in {where}"
