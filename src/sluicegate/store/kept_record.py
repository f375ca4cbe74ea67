"""What is sealed of a key, a consumer or a team: msgpack, without fields that say nothing.

There may be a million such records in a server's memory; leaving out defaults saves a quarter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from sluicegate.model import units
from sluicegate.model.consumer import Consumer, FoundKey, Key
from sluicegate.model.team import Team

if TYPE_CHECKING:
    from sluicegate.model.resource import Resource


class Record(msgspec.Struct, array_like=True, frozen=True):
    """`version` is an arrival number; `found` is None for marks and revocations."""

    version: int
    found: FoundKey | None = None


class RecordForm:
    """Writes and reads records."""

    def __init__(self) -> None:
        """Look up what the defaults of the fields are."""
        self._defaults: dict[type[Resource], dict[str, Any]] = {
            kind: _defaults(kind) for kind in (Key, Consumer, Team)
        }

    def write(self, record: Record) -> bytes:
        """Return a record as bytes."""
        found = record.found
        if found is None:
            return msgspec.msgpack.encode([record.version])
        slim = {
            "name": found.name,
            "key": self._slim(Key, found.key),
            "consumer_name": found.consumer_name,
            "consumer": self._slim(Consumer, found.consumer),
            "team": None if found.team is None else self._slim(Team, found.team),
        }
        return msgspec.msgpack.encode([record.version, slim], enc_hook=units.encode_hook)

    @staticmethod
    def read(payload: bytes) -> Record | None:
        """Return the record; None where another version of the gateway wrote more than we know."""
        try:
            return msgspec.msgpack.decode(payload, type=Record, dec_hook=units.decode_hook)
        except msgspec.MsgspecError:
            return None

    def _slim(self, kind: type[Resource], resource: Resource) -> dict[str, Any]:
        """Return the fields of `kind`; the resource may be of a subclass that has more."""
        defaults = self._defaults[kind]
        return {
            name: value
            for name, default in defaults.items()
            if (value := getattr(resource, name)) != default
        }


def _defaults(kind: type[Resource]) -> dict[str, Any]:
    """Return fields with their defaults; what has none is never equal to what stands for that."""
    found = {}
    for field in msgspec.structs.fields(kind):
        made = field.default_factory is not msgspec.NODEFAULT
        found[field.name] = field.default_factory() if made else field.default
    return found
