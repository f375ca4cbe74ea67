"""Stored keys, and who can be asked for them, without a store."""

from __future__ import annotations

import asyncio
from typing import Any

from sluicegate.errors import StoreAway
from sluicegate.model.consumer import Consumer, FoundKey, Key
from sluicegate.model.key import CRC_CHARACTERS, SECRET_CHARACTERS, new_key
from sluicegate.model.team import Team
from sluicegate.model.units import convert
from sluicegate.snapshot.keys import digest
from support.exchanges import PEPPER

TAIL = SECRET_CHARACTERS + CRC_CHARACTERS


def stored(
    consumer: str = "ann",
    *,
    raw: bytes | None = None,
    pepper: str = "p",
    plan: str | None = None,
    team: Team | None = None,
    **key: Any,
) -> tuple[bytes, FoundKey]:
    """Return a key as a caller shows it, and what the store has of it. `plan` is the consumer's."""
    raw = raw or new_key("local").encode()
    kept = convert({"hash": f"{pepper}:{digest(PEPPER, raw).hex()}", **key}, Key)
    bearer = Consumer(plan=plan, team=None if team is None else "crew")
    return raw, FoundKey(raw[:-TAIL].decode(), kept, consumer, bearer, team)


class Source:
    """A `KeySource` that a test can hold up (`held`), and take `away`."""

    def __init__(self, *found: FoundKey) -> None:
        self.keys = {each.name: each for each in found}
        self.asked: list[str] = []
        self.away = False
        self.open = asyncio.Event()
        self.open.set()

    async def find(self, name: str) -> FoundKey | None:
        self.asked.append(name)
        found = self.keys.get(name)  # as it is now, however long the answer takes
        await self.open.wait()
        if self.away:
            raise StoreAway
        return found
