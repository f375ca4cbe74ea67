"""How a resource, and what is done to it, is shown by the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from sluicegate.admin.differences import Difference, differences
from sluicegate.admin.instants import instant
from sluicegate.snapshot.stored import PLURALS
from sluicegate.snapshot.stored import SECTIONS as DECLARED

if TYPE_CHECKING:
    from sluicegate.store.contract import Revision

SECTIONS: Final = PLURALS
"""Kinds by what they are called in paths and at the root of a document."""
APPLIED: Final = tuple(DECLARED)
"""Kinds that a document declares: for `apply` and `export`."""
SOLE: Final = ""
"""The name of what there is one of: `policies`."""
HIDDEN: Final = frozenset({"hash"})
"""Fields of keys and tokens that are never shown."""

Source = Literal["store", "file"]
Done = Literal["create", "update", "delete"]


class Representation(msgspec.Struct, frozen=True, kw_only=True):
    """A resource. `revision`, `changed_at` (RFC 3339) and `changed_by` are null for the file's.

    `shadowed` says of a stored one that the file declares one of the same name, which is used;
    `left_out` why it is not used although the file does not: what does not fit beside it.
    """

    kind: str
    name: str
    source: Source
    revision: str | None = None
    changed_at: datetime | None = None
    changed_by: str | None = None
    shadowed: bool = False
    left_out: str | None = None
    spec: Any


class Page(msgspec.Struct, frozen=True):
    """A part of a list. `next` is where to go on, as `after`; null at the end."""

    items: list[Representation]
    next: str | None = None


class HistoryItem(msgspec.Struct, frozen=True, kw_only=True):
    """A revision. `spec` is null where it was deleted, and for secrets."""

    revision: str
    action: str
    actor: str
    via: str
    at: datetime
    spec: Any


class History(msgspec.Struct, frozen=True):
    """Revisions, newest first. `next` is where to go on, as `before`; null at the end."""

    items: list[HistoryItem]
    next: str | None = None


class ShownChange(msgspec.Struct, frozen=True):
    """What is done, or would be, to one resource."""

    kind: str
    name: str
    action: Done
    diff: list[Difference]


class ShownChanges(msgspec.Struct, frozen=True):
    """What is done, or would be."""

    changes: list[ShownChange]


class Diff(msgspec.Struct, frozen=True, rename={"older": "from", "newer": "to"}):
    """What differs between two revisions."""

    older: str
    newer: str
    diff: list[Difference]


def stored(
    revision: Revision, *, shadowed: bool = False, left_out: str | None = None
) -> Representation:
    """Show a revision that is no tombstone."""
    return Representation(
        kind=revision.kind,
        name=revision.name,
        source="store",
        revision=revision.id,
        changed_at=instant(revision.at_us),
        changed_by=revision.actor,
        shadowed=shadowed,
        left_out=left_out,
        spec=spec_of(revision.kind, revision.content),
    )


def declared(kind: str, name: str, spec: object) -> Representation:
    """Show a resource of the file."""
    return Representation(kind=kind, name=name, source="file", spec=spec)


def past(revision: Revision) -> HistoryItem:
    """Show a revision as one of many."""
    return HistoryItem(
        revision=revision.id,
        action=revision.action,
        actor=revision.actor,
        via=revision.via,
        at=instant(revision.at_us),
        spec=spec_of(revision.kind, revision.content),
    )


def shown_change(kind: str, name: str, before: bytes | None, after: bytes | None) -> ShownChange:
    """Show what becomes of a content; at least one of both is not None."""
    action: Done = "create" if before is None else "delete" if after is None else "update"
    diff = differences(spec_of(kind, before), spec_of(kind, after))
    return ShownChange(kind, name, action, diff)


def spec_of(kind: str, content: bytes | None) -> Any:  # noqa: ANN401 - any JSON
    """Return what may be seen of a content: all, but no hash of a key and nothing of a secret."""
    if content is None or kind == "secret":
        return None
    spec = msgspec.json.decode(content)
    if kind in {"key", "token"} and isinstance(spec, dict):
        return {field: value for field, value in spec.items() if field not in HIDDEN}
    return spec
