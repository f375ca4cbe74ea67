"""A worker's way to the store: it asks over its control channel, and waits for a while."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from sluicegate.errors import StoreAway
from sluicegate.model import units
from sluicegate.model.consumer import FoundKey
from sluicegate.process import messages
from sluicegate.process.questions import Questions

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.clock import Clock
    from sluicegate.journey.authenticate.keyring import Keyring

USED_S = 10.0
"""Between tellings of which keys were used."""
ANSWER_S = 2.0
"""For an answer. The store's own time-outs are shorter, so this means that something hangs."""


def pack(found: FoundKey | None) -> bytes | None:
    """Write what was found for a message."""
    return None if found is None else msgspec.msgpack.encode(found, enc_hook=units.encode_hook)


def unpack(raw: bytes | None) -> FoundKey | None:
    """Read what `pack` wrote."""
    if raw is None:
        return None
    found: FoundKey = msgspec.msgpack.decode(raw, type=FoundKey, dec_hook=units.decode_hook)
    return found


def forget(keyring: Keyring, forget: messages.Forget) -> None:
    """Have a keyring forget what may not be so any more."""
    if forget.everything:
        keyring.forget_all()
        return
    keyring.forget(forget.keys)
    if forget.consumers:
        keyring.forget_consumers(forget.consumers)
    if forget.teams:
        keyring.forget_teams(forget.teams)


async def tell_used(keyring: Keyring, clock: Clock, tell: Callable[[dict[str, int]], None]) -> None:
    """Tell now and then which keys were used, until cancelled."""
    while True:
        await clock.sleep(USED_S)
        await drain_used(keyring, tell)


async def drain_used(keyring: Keyring, tell: Callable[[dict[str, int]], None]) -> None:
    """Tell which keys were used until all are told, letting requests through in between."""
    while used := keyring.used():
        tell(used)
        await asyncio.sleep(0)


class Seeking:
    """A `KeySource` over a control channel."""

    def __init__(self, send: Callable[[messages.Message], None]) -> None:
        """Ask by `send`."""
        self._questions: Questions[FoundKey | None] = Questions(send)

    async def find(self, name: str) -> FoundKey | None:
        """Return whose key this is, None for nobody's. Raises StoreAway."""
        late = StoreAway("no answer in time")
        return await self._questions.ask(lambda n: messages.Seek(n, name), ANSWER_S, late)

    def heard(self, message: messages.Sought) -> None:
        """Take an answer; one that comes too late is dropped."""
        if message.away:
            self._questions.fail(message.number, StoreAway("the store is away"))
        else:
            self._questions.answer(message.number, unpack(message.found))
