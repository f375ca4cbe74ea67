"""What an applied document changes, as a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluicegate.admin.changes import Planned
from sluicegate.admin.edits import keys_of
from sluicegate.admin.in_use import every, refuse_if_used
from sluicegate.admin.representation import SECTIONS
from sluicegate.errors import CONFLICT, Refused
from sluicegate.snapshot.places import written
from sluicegate.store.contract import CONFIGURATION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sluicegate.admin.control import Control
    from sluicegate.admin.document import Applied
    from sluicegate.store.contract import Revision

ONE_BY_ONE: Final = 20
"""Consumers that are looked up; for more all are read, a page at a time."""
SHOWN: Final = 3

Held = dict[tuple[str, str], "Revision"]


async def plan(control: Control, wish: Applied) -> list[Planned]:
    """Plan what differs from what is stored. Raises Refused (409), StoreAway.

    With `prune` what is stored of the kinds given, and is not in the document, goes.
    """
    _refuse_declared(control, wish.contents)
    held = await _held(control, wish)
    planned = [
        Planned(kind, name, held.get((kind, name)), content)
        for (kind, name), content in wish.contents.items()
    ]
    if wish.prune:
        gone = [revision for item, revision in held.items() if item not in wish.contents]
        planned += [Planned(revision.kind, revision.name, revision, None) for revision in gone]
        await _with_what_depends(control, planned)
    return [each for each in planned if each.before != each.content]


async def _with_what_depends(control: Control, planned: list[Planned]) -> None:
    """Add the keys of consumers that go; refuse what others still name."""
    gone = [
        each
        for each in planned
        if each.content is None and each.name not in control.declared(each.kind)
    ]
    for each in gone:
        if each.kind == "consumer":
            planned += [key async for key in keys_of(control.store, each.name)]
    changing = {(each.kind, each.name): each.content for each in planned}
    for each in gone:
        await refuse_if_used(control.store, each.kind, each.name, changing)


async def _held(control: Control, wish: Applied) -> Held:
    """Return what is stored of the kinds given; of consumers perhaps only those named."""
    kinds = sorted(wish.kinds & CONFIGURATION)
    rows = (await control.store.current(kinds)).revisions if kinds else []
    found: Held = {(row.kind, row.name): row for row in rows}
    names = [name for kind, name in wish.contents if kind == "consumer"]
    if len(names) > ONE_BY_ONE or (wish.prune and "consumer" in wish.kinds):
        async for row in every(control.store, "consumer"):
            found["consumer", row.name] = row
    else:
        for name in names:
            head = await control.store.head("consumer", name)
            if head is not None and head.content is not None:
                found["consumer", name] = head
    return found


def _refuse_declared(control: Control, items: Iterable[tuple[str, str]]) -> None:
    declared = [
        written((SECTIONS[kind], name) if name else (SECTIONS[kind],))
        for kind, name in items
        if name in control.declared(kind)
    ]
    if declared:
        shown = ", ".join(f"`{each}`" for each in declared[:SHOWN])
        more = f" and {len(declared) - SHOWN} more" if len(declared) > SHOWN else ""
        raise Refused(CONFLICT, f"the configuration file declares {shown}{more}")
