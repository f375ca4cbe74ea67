"""Who a presented key belongs to, without keeping any key.

Keys are held as HMAC-SHA-256 digests: those that the configuration gives as hashes under the pepper
that they name, those that it gives as values under a random pepper of this process. A look-up
computes one digest per pepper in use and asks a dictionary for it. That comparison takes no secret
time: what it compares is the output of a keyed hash, so that a caller who does not know the pepper
cannot choose, or tell from timing, even the first byte of a digest. The raw key is never compared.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sluicegate.journey.authenticate.key_record import KeyRecord, record_of
from sluicegate.journey.authenticate.pepper import Pepper
from sluicegate.model.key import MAX_KEY_BYTES
from sluicegate.model.resource import FieldFault

if TYPE_CHECKING:
    from sluicegate.model.consumer import Consumer, Key

KEY_ID_HEX = 8
PUBLIC_PART = re.compile(r"(sg_[a-z0-9-]{1,32}_[0-9A-Za-z]{8})[0-9A-Za-z]{32,}")


class HeldKey(NamedTuple):
    """One key as it is held: under which pepper (None: the process's own), its digest, whose."""

    pepper: str | None
    digest: bytes
    record: KeyRecord


class KeyFault(ValueError):
    """A key cannot be used. `part` is the field at fault; the message never holds the key."""

    def __init__(self, part: str, message: str) -> None:
        """Say what is wrong with which field."""
        super().__init__(message)
        self.part = part


def digest(pepper: bytes, key: bytes) -> bytes:
    """Return what is kept of a key: HMAC-SHA-256 under the pepper, both UTF-8. 32 bytes."""
    return hmac.digest(pepper, key, "sha256")


def hold(
    name: str, bearer: Consumer, index: int, key: Key, peppers: Mapping[str, bytes], own: bytes
) -> HeldKey:
    """Digest the key at `index` of a consumer; raises KeyFault for one that is never found.

    `bearer` is the consumer without its keys and with the plan that holds for it, be it its team's;
    `own` is this process's pepper.
    """
    if (key.hash is None) == (key.value is None):
        raise KeyFault("", "expected either `hash` or `value`")
    pepper, kept = _digested(key, peppers, own)
    try:
        record = record_of(key, _key_id(name, index, key), name, bearer, None)
    except FieldFault as error:
        raise KeyFault(str(error.part[0]), str(error)) from error
    return HeldKey(pepper, kept, record)


def _digested(key: Key, peppers: Mapping[str, bytes], own: bytes) -> tuple[str | None, bytes]:
    if key.hash is not None:
        pepper, _, written = key.hash.partition(":")
        if pepper not in peppers:
            known = ", ".join(sorted(peppers)) or "there are none"
            raise KeyFault("hash", f"no pepper is called {pepper!r}; known: {known}")
        return pepper, bytes.fromhex(written)
    raw = (key.value or "").encode()
    if not 0 < len(raw) <= MAX_KEY_BYTES:
        raise KeyFault("value", f"expected 16 to {MAX_KEY_BYTES} bytes, got {len(raw)}")
    return None, digest(own, raw)


def _key_id(name: str, index: int, key: Key) -> str:
    """Name a key for logs: the public part of a key that has one, else a short hash.

    A hash is taken of the stored digest, never of a raw key: 32 bits of an unkeyed hash would let
    whoever reads logs check guesses. Keys given by value are named by their place instead.
    """
    if key.hash is not None:
        source = "hash\0" + key.hash
    else:
        public = PUBLIC_PART.fullmatch(key.value or "")
        if public is not None:
            return public[1]
        source = f"value\0{name}\0{index}"
    return hashlib.sha256(b"sluicegate key id\0" + source.encode()).hexdigest()[:KEY_ID_HEX]


class KeyDirectory:
    """Every key of a snapshot. Immutable once built.

    `peppers` has those that the configuration names, also where only stored keys are under them.
    """

    __slots__ = ("_in_use", "peppers", "size")

    def __init__(
        self, tables: Sequence[tuple[str | None, bytes, dict[bytes, KeyRecord]]] = ()
    ) -> None:
        """Take names of peppers (None: the process's own), peppers, and what is held under them."""
        made = [(name, Pepper(secret, held)) for name, secret, held in tables]
        self.peppers = {name: pepper for name, pepper in made if name is not None}
        self._in_use = tuple(pepper for _, pepper in made if pepper.held)
        self.size = sum(len(pepper.held) for pepper in self._in_use)

    def find(self, presented: bytes) -> KeyRecord | None:
        """Return whose key this is; None when it is nobody's."""
        if len(presented) > MAX_KEY_BYTES:
            return None
        for pepper in self._in_use:
            record = pepper.held.get(pepper.digest(presented))
            if record is not None:
                return record
        return None


class DirectoryBuilder:
    """Collects held keys for a directory and notices those that two consumers have."""

    def __init__(self, peppers: Mapping[str, bytes], own: bytes) -> None:
        """Start empty, with a table per pepper."""
        self._peppers: dict[str | None, bytes] = {None: own} | dict(peppers)
        self._tables: dict[str | None, dict[bytes, KeyRecord]] = {n: {} for n in self._peppers}

    def add(self, key: HeldKey) -> str | None:
        """Take a key in. Returns the name of the other consumer who has it already, else None."""
        had = self._tables[key.pepper].setdefault(key.digest, key.record).consumer_name
        return None if had == key.record.consumer_name else had

    def directory(self) -> KeyDirectory:
        """Return the finished directory."""
        tables = [(name, self._peppers[name], held) for name, held in self._tables.items()]
        return KeyDirectory(tables)
