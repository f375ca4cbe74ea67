"""The newest revision of every stored configuration name, tombstones too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from sluicegate.store.contract import CONFIGURATION

if TYPE_CHECKING:
    from sluicegate.snapshot.document import Kind
    from sluicegate.store.contract import Change, Revision

SECRET = "secret"  # noqa: S105 - the name of a kind


class Held:
    """What a replica knows of the store's configuration."""

    def __init__(self) -> None:
        """Know nothing."""
        self._newest: dict[tuple[str, str], Revision] = {}

    @property
    def revisions(self) -> list[Revision]:
        """All that is held."""
        return list(self._newest.values())

    def replace(self, revisions: Iterable[Revision]) -> None:
        """Forget what was held, and hold these."""
        self._newest = {}
        self.take(revisions)

    def take(self, revisions: Iterable[Revision]) -> bool:
        """Take what is newer than what is held; says whether anything was.

        Kinds that are looked up one by one are passed over.
        """
        changed = False
        for revision in revisions:
            if revision.kind not in CONFIGURATION:
                continue
            item = (revision.kind, revision.name)
            before = self._newest.get(item)
            # Tombstones are kept: what arrives late from another region may be older.
            if before is None or (before.stamp, before.id) < (revision.stamp, revision.id):
                self._newest[item] = revision
                changed = True
        return changed

    def contents(self, changes: Sequence[Change] = ()) -> dict[tuple[Kind, str], bytes]:
        """Return what is to run, as JSON by kind and name, as if `changes` had been made."""
        found: dict[Any, bytes | None] = {
            item: revision.content for item, revision in self._newest.items()
        }
        found |= {(c.kind, c.name): c.content for c in changes if c.kind in CONFIGURATION}
        living = {
            item: content
            for item, content in found.items()
            if content is not None and item[0] != SECRET
        }
        return cast("dict[tuple[Kind, str], bytes]", living)

    def secrets(self) -> list[Revision]:
        """Return the stored secrets, encrypted."""
        return [
            revision
            for (kind, _), revision in self._newest.items()
            if kind == SECRET and revision.content is not None
        ]
