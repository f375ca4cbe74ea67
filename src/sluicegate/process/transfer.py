"""Sends a configuration from process to process in pieces, only what changed.

sender      frames(previous, wanted, number) → Begin, Put…, Drop…, End
receiver    Inbox.take(message) → the configuration, once it is complete
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sluicegate.model.units import decode_hook, encode_hook
from sluicegate.process.messages import AnyMessage, Begin, Drop, End, Message, Put
from sluicegate.settings import Settings
from sluicegate.snapshot.document import Kind, Resources, peppers_of


def frames(previous: Resources | None, wanted: Resources, number: int) -> Iterator[Message]:
    """Yield what turns `previous` (None: nothing) into `wanted` at the receiver.

    Peppers keep their order, which says what the first one is.
    """
    known = previous.items if previous is not None else {}
    yield Begin(wanted.revision, previous is None)
    had = {} if previous is None else peppers_of(previous)
    if list(had.items()) != list(peppers_of(wanted).items()):
        yield from (Drop("pepper", name) for name in had)
        known = {key: raw for key, raw in known.items() if key[0] != "pepper"}
    for key, raw in wanted.items.items():
        if known.get(key) != raw:
            yield Put(*key, raw)
    for key in known:
        if key not in wanted.items:
            yield Drop(*key)
    yield End(number)


def services_of(resources: Resources) -> Resources:
    """Return the services only, of the same revision."""
    items = {key: raw for key, raw in resources.items.items() if key[0] == "service"}
    return Resources(revision=resources.revision, items=items)


class Inbox:
    """Collects a configuration. Keeps the last complete one, against which changes come."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._items: dict[tuple[Kind, str], bytes] = {}
        self._revision = ""

    def take(self, message: AnyMessage) -> Resources | None:
        """Take a piece; return the configuration when this was the last one."""
        match message:
            case Begin():
                # A copy: what was given out before must not change.
                self._items = {} if message.whole else dict(self._items)
                self._revision = message.revision
            case Put():
                self._items[message.kind, message.name] = message.raw
            case Drop():
                self._items.pop((message.kind, message.name), None)
            case End():
                return Resources(revision=self._revision, items=self._items)
        return None


def pack_settings(settings: Settings) -> bytes:
    """Return settings as msgpack."""
    return msgspec.msgpack.encode(settings, enc_hook=encode_hook)


def unpack_settings(raw: bytes) -> Settings:
    """Read what `pack_settings` wrote."""
    return msgspec.msgpack.decode(raw, type=Settings, dec_hook=decode_hook)
