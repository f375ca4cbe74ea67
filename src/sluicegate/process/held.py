"""The newest revision of every stored configuration name, tombstones too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

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
        self._living: dict[tuple[str, str], bytes] = {}

    @property
    def revisions(self) -> list[Revision]:
        """All that is held."""
        return list(self._newest.values())

    def replace(self, revisions: Iterable[Revision]) -> None:
        """Forget what was held, and hold these."""
        self._newest = {}
        self._living = {}
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
                _put(self._living, *item, revision.content)
                changed = True
        return changed

    def strangers(self, revisions: Iterable[Revision], region: str) -> set[tuple[str, str]]:
        """Return what other regions have written of which nothing is held, not even a tombstone.

        They may be older than a tombstone from before we held anything.
        """
        return {
            (each.kind, each.name)
            for each in revisions
            if each.kind in CONFIGURATION
            and each.region != region
            and (each.kind, each.name) not in self._newest
        }

    def contents(self, changes: Sequence[Change] = ()) -> dict[tuple[Kind, str], bytes]:
        """Return what is to run, as JSON by kind and name, as if `changes` had been made."""
        found = dict(self._living)
        for change in changes:
            if change.kind in CONFIGURATION:
                _put(found, change.kind, change.name, change.content)
        return cast("dict[tuple[Kind, str], bytes]", found)

    def secrets(self) -> list[Revision]:
        """Return the stored secrets, encrypted."""
        return [
            revision
            for (kind, _), revision in self._newest.items()
            if kind == SECRET and revision.content is not None
        ]


def _put(living: dict[tuple[str, str], bytes], kind: str, name: str, content: bytes | None) -> None:
    """Have this content, or nothing, under a name. Secrets are held apart."""
    if content is None:
        living.pop((kind, name), None)
    elif kind != SECRET:
        living[kind, name] = content
