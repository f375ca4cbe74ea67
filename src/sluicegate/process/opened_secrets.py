"""The texts of stored secrets, in memory only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from sluicegate.errors import SluicegateError, StoreAway

if TYPE_CHECKING:
    from sluicegate.store.contract import Revision
    from sluicegate.store.vault import Vault


class OpenedSecrets:
    """Opens each revision of a secret once. `texts` are those that could be opened, by name.

    `missed`: the store was away, and some are of before, or not there. Try again.
    """

    def __init__(self, vault: Vault) -> None:
        """Know none."""
        self.texts: dict[str, str] = {}
        self.missed = False
        self._vault = vault
        self._revisions: dict[str, str] = {}

    def __repr__(self) -> str:
        """Show what is no secret."""
        return f"OpenedSecrets({sorted(self.texts)})"

    async def read(self, revisions: Sequence[Revision]) -> None:
        """Have the texts of these revisions, and of no others."""
        texts: dict[str, str] = {}
        opened: dict[str, str] = {}
        self.missed = False
        for revision in revisions:
            name = revision.name
            if self._revisions.get(name) == revision.id and name in self.texts:
                texts[name], opened[name] = self.texts[name], revision.id
                continue
            try:
                texts[name] = await self._vault.open(name, revision.content or b"")
                opened[name] = revision.id
            except StoreAway:
                self.missed = True
                if name in self.texts:
                    texts[name] = self.texts[name]
            except SluicegateError as error:
                structlog.get_logger().error("a stored secret cannot be opened", why=str(error))
        self.texts = texts
        self._revisions = opened
