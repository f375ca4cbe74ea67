"""What a file declares, as far as what is stored has to do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from sluicegate.errors import ConfigError
from sluicegate.model import units
from sluicegate.snapshot import limits, matches
from sluicegate.snapshot.document import decode
from sluicegate.snapshot.providers import dialects_of
from sluicegate.snapshot.ties import Known
from sluicegate.snapshot.uses import Use

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sluicegate.model.consumer import Consumer
    from sluicegate.model.route import PolicyUse
    from sluicegate.snapshot.document import Kind, Resources
    from sluicegate.snapshot.limits import Limit
    from sluicegate.snapshot.matches import Situation
    from sluicegate.snapshot.places import Place
    from sluicegate.snapshot.policies import PolicyCatalog


class Own(NamedTuple):
    """A consumer's own limit."""

    consumer: str
    plans: set[str]
    written: Sequence[str]


class Declared(NamedTuple):
    """What is there already. All of it fits: the file was accepted.

    `answers`: a policy of every route does. `taken` are situations with their routes, `own` the
    consumers with limits of their own, by the limit's name, with the plans they may be under.
    """

    known: Known
    answers: bool
    taken: Mapping[Situation, str]
    limits: Sequence[Limit]
    own: Mapping[str, Sequence[Own]]


def declared(resources: Resources, catalog: PolicyCatalog) -> Declared:
    """Look through everything that a file declares."""
    return _Reading(catalog).read(resources)


class _Reading:
    def __init__(self, catalog: PolicyCatalog) -> None:
        self._catalog = catalog
        self._known = Known({}, {}, {}, {}, {}, {})
        self._answers = False
        self._taken: dict[Situation, str] = {}
        self._limits: list[Limit] = []
        self._consumers: dict[str, Consumer] = {}

    def read(self, resources: Resources) -> Declared:
        for (kind, name), raw in resources.items.items():
            self._name(kind, name, raw)
            if kind == "consumer":
                self._consumer(name, raw)
            elif kind == "plan":
                self._uses(("plans", name, "policies"), decode(kind, raw).policies)
            elif kind == "route":
                route = decode(kind, raw)
                self._taken |= dict.fromkeys(matches.situations(route.match), name)
                self._uses(("routes", name, "policies"), route.policies)
            elif kind == "policies":
                uses = self._uses(("policies",), decode(kind, raw))
                self._answers = any(use.answers for use in uses)
        own: dict[str, list[Own]] = {}
        for name, consumer in self._consumers.items():
            plans = limits.plans_of(consumer, self._known.teams)
            for limit, written in consumer.limits.items():
                own.setdefault(limit, []).append(Own(name, plans, written))
        return Declared(self._known, self._answers, self._taken, self._limits, own)

    def _name(self, kind: Kind, name: str, raw: bytes) -> None:
        known = self._known
        if kind == "pepper":
            known.peppers[name] = None
        elif kind == "service":
            known.services[name] = [target.labels for target in decode(kind, raw).entries]
        elif kind == "team":
            known.teams[name] = decode(kind, raw).plan
        elif kind == "plan":
            known.plans[name] = None
        elif kind == "provider":
            known.providers[name] = dialects_of(decode(kind, raw))
        elif kind == "model":
            known.models[name] = None

    def _consumer(self, name: str, raw: bytes) -> None:
        consumer: Consumer = decode("consumer", raw)
        if consumer.limits:
            keys = [key for key in consumer.keys if key.plan is not None]
            self._consumers[name] = msgspec.structs.replace(consumer, keys=keys)

    def _uses(self, place: Place, policies: Sequence[PolicyUse]) -> list[Use]:
        uses = list(self._seen(place, policies))
        self._limits += [limit for limit in limits.counting(uses) if limit.replaceable]
        return uses

    def _seen(self, place: Place, policies: Sequence[PolicyUse]) -> Iterator[Use]:
        for position, use in enumerate(policies):
            name, settings = next(iter(use.items()))
            try:
                kind = self._catalog.find(name)
            except (KeyError, ConfigError):  # a stranger's package that is not installed here
                continue
            # Read only where it matters: there may be thousands of routes.
            answers = len(place) == 1 and kind.answers_all(units.convert(settings, kind.config))
            yield Use((*place, position, name), kind, answers, settings)
