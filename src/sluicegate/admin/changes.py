"""Making changes: planned, looked at, written together, and planned anew where others were faster.

    plan ──▶ consider (faults: 422) ──▶ write ──▶ written
      ▲                                  │
      └── Moved, or Stale: what was looked at is no longer what is there

A plan is made from what is there, so it can be made again. What it replaces is always named to the
store, and so is what it rests on: rights and preconditions that were looked at hold at the moment
of writing too. No more than that is named: who make keys at once do not stand in each other's way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from sluicegate.admin.problems import Invalid
from sluicegate.admin.representation import ShownChanges, shown_change
from sluicegate.store.contract import ABSENT, Change, Grounds, Moved, Revision, Stale

if TYPE_CHECKING:
    from sluicegate.admin.control import Control
    from sluicegate.store.contract import Author

TRIES: Final = 20
"""How often a plan is made; each time somebody else has written in between.

So each one that fails is another's success. On a slow machine a replica may lose many in a row to
one that is faster.
"""
NAMED_BY: Final = {"plan": ("team", "consumer", "key"), "team": ("consumer", "token")}
"""Kinds that name one of a kind, and keep it from being deleted."""


class Planned(NamedTuple):
    """One resource: the living revision that is there, and the content that is to be."""

    kind: str
    name: str
    newest: Revision | None
    content: bytes | None

    @property
    def before(self) -> bytes | None:
        """The content that is there."""
        return None if self.newest is None else self.newest.content

    def change(self) -> Change:
        """Return it as the store takes it."""
        owner, plan = columns(self.kind, self.content)
        expected = ABSENT if self.newest is None else self.newest.id
        return Change(self.kind, self.name, self.content, expected, owner, plan)


Plan = Callable[[], Awaitable[Sequence[Planned]]]


class Made(NamedTuple):
    """What was changed, or would be. `revisions` are those that are there now, by kind and name."""

    planned: Sequence[Planned]
    revisions: Mapping[tuple[str, str], Revision]

    def shown(self) -> ShownChanges:
        """Show what differs."""
        changes = (shown_change(p.kind, p.name, p.before, p.content) for p in self.planned)
        return ShownChanges(list(changes))


async def make(control: Control, author: Author, plan: Plan, *, dry_run: bool = False) -> Made:
    """Make the changes of a plan, all or none; what changes nothing is not written.

    Raises Invalid, and Refused by the plan, which is also who looks at the caller's preconditions;
    Moved where others never stop writing; Revoked, ClockBehind, StoreAway.
    """
    for _ in range(TRIES):
        arrival = (await control.store.current(())).last
        planned = await plan()
        there = {(p.kind, p.name): p.newest for p in planned if p.newest is not None}
        changed = [p for p in planned if p.before != p.content]
        changes = [p.change() for p in changed]
        if not changes:
            return Made((), there)
        considered = await control.consider(changes)
        if considered.faults:
            raise Invalid(considered.faults)
        if dry_run:
            return Made(changed, there)
        try:
            written = await control.store.write(
                changes, author, looked_at=considered.looked_at, grounds=grounds(arrival, changed)
            )
        except (Stale, Moved):
            continue
        await control.written()
        return Made(changed, there | {(r.kind, r.name): r for r in written})
    raise Moved


def grounds(arrival: int, planned: Iterable[Planned]) -> Grounds:
    """Return what plans rest on that were made after that arrival.

    A key rests on its consumer, a consumer and a token on their team; what is deleted on who
    names it. That the rest is there is seen where a change is considered.
    """
    names: set[tuple[str, str]] = set()
    owners: set[tuple[str, str]] = set()
    plans: set[tuple[str, str]] = set()
    for each in planned:
        owner, _ = columns(each.kind, each.content)
        if owner is not None:
            names.add(("consumer" if each.kind == "key" else "team", owner))
        if each.content is None and each.kind == "consumer":
            owners.add(("key", each.name))
        elif each.content is None and each.kind == "team":
            owners |= {(kind, each.name) for kind in NAMED_BY["team"]}
        elif each.content is None and each.kind == "plan":
            plans |= {(kind, each.name) for kind in NAMED_BY["plan"]}
    return Grounds(arrival, frozenset(names), frozenset(owners), frozenset(plans))


def columns(kind: str, content: bytes | None) -> tuple[str | None, str | None]:
    """Return what a content is searched by: its owner, and the plan that it names."""
    spec = None if content is None or kind == "secret" else msgspec.json.decode(content)
    owner = {"consumer": "team", "token": "team", "key": "consumer"}.get(kind)
    plan = "plan" if kind in {"consumer", "key", "team"} else None
    return _text(spec, owner), _text(spec, plan)


def _text(spec: Any, field: str | None) -> str | None:  # noqa: ANN401 - any JSON
    value = spec.get(field) if isinstance(spec, dict) and field is not None else None
    return value if isinstance(value, str) else None
