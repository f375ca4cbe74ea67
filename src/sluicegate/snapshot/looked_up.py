"""Stored resources that no snapshot holds: consumers and keys, which may be millions.

Workers look them up one by one and read them as they are stored, so no references are resolved in
them. What they name is checked when they are written; what has gone since is met at each request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from sluicegate.errors import ConfigError, Fault
from sluicegate.model.consumer import Consumer, Key
from sluicegate.snapshot import limits, rules, ties
from sluicegate.snapshot.document import Name
from sluicegate.snapshot.draft import Draft
from sluicegate.snapshot.faults import convert_or_explain
from sluicegate.snapshot.places import Place, written
from sluicegate.snapshot.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sluicegate.model.team import Team
    from sluicegate.snapshot.limits import Limit
    from sluicegate.snapshot.ties import Known

LookedUp = Literal["consumer", "key"]
SECTIONS: Final[dict[LookedUp, str]] = {"consumer": "consumers", "key": "keys"}

MAKE_KEYS = (
    "keys of a stored consumer are resources of their own; make one with `sluicegate key create`"
)
NO_VALUE = "a stored key is kept as its hash; make one with `sluicegate key create`"
NO_REFERENCES = "references are not resolved here; expected the text itself, without `${`"


class StoredKey(Key, frozen=True, kw_only=True):
    """A key as it is stored: it says whose it is."""

    consumer: Name


def read(kind: LookedUp, name: str, value: Any) -> tuple[Consumer | StoredKey | None, list[Fault]]:  # noqa: ANN401 - plain data
    """Convert plain data; returns it where nothing is wrong with it by itself, and the faults."""
    section = SECTIONS[kind]
    draft = Draft(Source({section: {name: value}}, None, []))
    try:
        found = _converted(draft, kind, (section, name), value)
    except ConfigError as error:  # so many faults that the rest was not looked at
        return None, list(error.faults)
    return (None if draft.faults else found), draft.faults


def _converted(
    draft: Draft,
    kind: LookedUp,
    place: Place,
    value: Any,  # noqa: ANN401 - plain data
) -> Consumer | StoredKey | None:
    name = place[-1]
    convert_or_explain(draft, place, name, Name)
    wanted = Consumer if kind == "consumer" else StoredKey
    found: Consumer | StoredKey | None = convert_or_explain(draft, place, value, wanted)
    for where in _references(value, place):
        draft.complain(where, NO_REFERENCES)
    if isinstance(found, Consumer) and found.keys:
        draft.complain((*place, "keys"), MAKE_KEYS)
    if isinstance(found, StoredKey):
        if found.value is not None:
            draft.complain((*place, "value"), NO_VALUE)
        rules.check_key(draft.complain, place, found)
    return found


def check(
    resource: Consumer | StoredKey | Team, place: Place, known: Known, named: Sequence[Limit]
) -> list[Fault]:
    """Return what a resource names that is not there, and limits of its own that do not fit."""
    faults: list[Fault] = []

    def complain(where: Place, message: str) -> None:
        faults.append(Fault(written(where), 0, message))

    name = str(place[1])
    if isinstance(resource, Consumer):
        ties.check(complain, ties.of_consumer(name, resource), known)
        plans = limits.plans_of(resource, known.teams)
        own = (*place, "limits")
        limits.check_limits(complain, own, resource, plans, named)
    elif isinstance(resource, Key):
        ties.check(complain, ties.of_key(place, resource), known)
    else:
        ties.check(complain, ties.of_team(name, resource), known)
    return faults


def _references(value: object, place: Place) -> Iterator[Place]:
    if isinstance(value, dict):
        for name, held in value.items():
            yield from _references(held, (*place, name))
    elif isinstance(value, list):
        for position, held in enumerate(value):
            yield from _references(held, (*place, position))
    elif isinstance(value, str) and "${" in value:
        yield place
