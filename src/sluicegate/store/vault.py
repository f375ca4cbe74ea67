"""Secrets as the store keeps them: envelope encryption.

    secret ──AES-256-GCM, data key──▶ a revision of kind `secret`
    data key ──AES-256-GCM, master key──▶ a row of `data_keys`

Master keys come from settings and are never stored. The first one wraps what is written from now
on; the others still open. Rotating wraps every data key anew, in new rows: the old rows stay, so
whoever has an old master key and an old dump can read what was stored until then, and only that.

What is sealed is bound to the name of its secret, so that one cannot be put in another's place.
Nonces are random, 96 bits: a data key may seal 2**32 times (NIST SP 800-38D, 8.3).
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sluicegate.errors import SluicegateError
from sluicegate.store.contract import DataKey

if TYPE_CHECKING:
    from sluicegate.clock import Clock

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
MOST_USES: Final = 2**20
"""Of a data key by one process; 4096 processes stay below the bound of its nonces."""
MOST_AGE_US: Final = 90 * 86_400 * 1_000_000
"""Of a data key that seals. Google Cloud KMS suggests rotating every 90 days."""


class NotOpened(SluicegateError):
    """A stored secret cannot be had. The message names it and says why, and shows nothing of it."""


class MasterKeyMissing(NotOpened):
    """None of the master keys that wrap a data key is among `store.master_keys`."""


class DataKeyStore(Protocol):
    """The part of a Store that the vault needs."""

    async def add_data_key(self, key: DataKey) -> None:
        """Keep a wrapped data key. Raises StoreAway."""

    async def data_keys(self) -> list[DataKey]:
        """Return all of them. Raises StoreAway."""


class Sealed(msgspec.Struct, frozen=True):
    """The content of a revision of kind `secret`; `nonce` and `sealed` are base64."""

    data_key: str
    nonce: bytes
    sealed: bytes


class _Held:
    """A data key as it is known here: its rows by master key, and the key once it was needed."""

    __slots__ = ("born_us", "cipher", "rows", "uses")

    def __init__(self) -> None:
        self.rows: dict[str, DataKey] = {}
        self.born_us = 0
        self.cipher: AESGCM | None = None
        self.uses = 0


class Vault:
    """Seals and opens. Data keys in the clear are in memory only."""

    def __init__(self, store: DataKeyStore, master_keys: Mapping[str, bytes], clock: Clock) -> None:
        """`master_keys` are 32 bytes each; the first seals. Raises ValueError for others."""
        for name, key in master_keys.items():
            if len(key) != KEY_BYTES:
                raise ValueError(f"master key {name!r} has {len(key)} bytes; expected {KEY_BYTES}")
        self._store = store
        self._masters = {name: AESGCM(key) for name, key in master_keys.items()}
        self._first = next(iter(master_keys), None)
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._making = asyncio.Lock()

    def __repr__(self) -> str:
        """Show what is no secret."""
        return f"Vault(master_keys={list(self._masters)})"

    # --- secrets ------------------------------------------------------------------------------

    async def encrypt(self, name: str, text: str) -> dict[str, str]:
        """Return the content to store for the secret `name`: `data_key`, `nonce`, `sealed`.

        The newest data key seals; where it is old, used up or not under the first master key, one
        is made. Raises MasterKeyMissing where there is no master key at all, StoreAway.
        """
        async with self._making:
            await self.load()
            key = self._sealing() or await self._make()
        held = self._held[key]
        held.uses += 1
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._cipher(key).encrypt(nonce, text.encode(), _of_secret(name, key))
        return {"data_key": key, "nonce": _text(nonce), "sealed": _text(sealed)}

    async def open(self, name: str, content: bytes | Mapping[str, object]) -> str:
        """Return the text of a secret from a revision's content. Asks the store only at need.

        Raises NotOpened: what is stored was changed, belongs to another name, or no known key
        opens it. Raises StoreAway.
        """
        try:
            sealed = (
                msgspec.json.decode(content, type=Sealed)
                if isinstance(content, bytes)
                else msgspec.convert(content, Sealed)
            )
        except msgspec.MsgspecError:
            raise NotOpened(f"secret {name}: what is stored is no sealed secret") from None
        if sealed.data_key not in self._held:
            await self.load()
        try:
            cipher = self._cipher(sealed.data_key)
            data = cipher.decrypt(sealed.nonce, sealed.sealed, _of_secret(name, sealed.data_key))
            return data.decode()
        except MasterKeyMissing as error:
            raise MasterKeyMissing(f"secret {name}: {error}") from None
        except NotOpened as error:
            raise NotOpened(f"secret {name}: {error}") from None
        except (InvalidTag, ValueError):
            raise NotOpened(f"secret {name}: what is stored is not what was sealed") from None

    # --- data keys ----------------------------------------------------------------------------

    async def load(self) -> None:
        """Read all wrapped data keys. Raises StoreAway."""
        self.learn(await self._store.data_keys())

    def learn(self, keys: Iterable[DataKey]) -> None:
        """Take in wrapped data keys from elsewhere: from a kept snapshot, while the store is away.

        They need not be trusted: one that no master key wrapped opens nothing.
        """
        for key in keys:
            held = self._held.setdefault(key.key, _Held())
            held.rows.setdefault(key.master, key)
            held.born_us = min(held.born_us or key.at_us, key.at_us)

    def wrapped(self) -> list[DataKey]:
        """Return the wrapped data keys that are known here, to be kept beside secrets."""
        return [row for held in self._held.values() for row in held.rows.values()]

    async def new_data_key(self) -> str:
        """Make a data key that seals from now on, on every replica; returns its id.

        Raises MasterKeyMissing, StoreAway.
        """
        async with self._making:
            await self.load()
            return await self._make()

    async def rotate_master(self) -> int:
        """Wrap under the first master key what is not yet; returns how many data keys were.

        After that the others may be removed from the settings. Changes no secret. Raises
        MasterKeyMissing where one is under none of ours (the others are wrapped), StoreAway.
        """
        first = self._master()
        missing: MasterKeyMissing | None = None
        count = 0
        async with self._making:
            await self.load()
            for key, held in self._held.items():
                if first in held.rows:
                    continue
                try:
                    raw = self._unwrap(key)
                except MasterKeyMissing as error:
                    missing = error
                    continue
                await self._keep(key, first, raw, self._clock.wall_us())
                count += 1
        if missing is not None:
            raise missing
        return count

    def _master(self) -> str:
        if self._first is None:
            raise MasterKeyMissing(
                "there is no master key; expected one under `store.master_keys`: "
                "32 bytes in base64, by reference, as `openssl rand -base64 32` writes"
            )
        return self._first

    def _sealing(self) -> str | None:
        """Return the data key to seal with, where there is one that still may, and opens here."""
        first = self._master()
        if not self._held:
            return None
        key = max(self._held, key=lambda each: (self._held[each].born_us, each))
        held = self._held[key]
        old = self._clock.wall_us() - held.born_us >= MOST_AGE_US
        if old or held.uses >= MOST_USES or first not in held.rows:
            return None
        try:
            self._cipher(key)
        except NotOpened:
            return None  # another region's master key of the same name: not one to write under
        return key

    async def _make(self) -> str:
        """Make and keep a data key, younger than all others whatever their makers' clocks said."""
        youngest = max((held.born_us for held in self._held.values()), default=0)
        key = str(uuid.uuid4())
        at_us = max(self._clock.wall_us(), youngest + 1)
        await self._keep(key, self._master(), secrets.token_bytes(KEY_BYTES), at_us)
        return key

    async def _keep(self, key: str, master: str, raw: bytes, at_us: int) -> None:
        nonce = secrets.token_bytes(NONCE_BYTES)
        wrapped = nonce + self._masters[master].encrypt(nonce, raw, _of_data_key(key, master))
        row = DataKey(str(uuid.uuid4()), key, master, wrapped, at_us)
        await self._store.add_data_key(row)
        self.learn([row])

    def _cipher(self, key: str) -> AESGCM:
        held = self._held.get(key)
        if held is None:
            raise NotOpened(f"its data key {key} is not in the store")
        if held.cipher is None:
            held.cipher = AESGCM(self._unwrap(key))
        return held.cipher

    def _unwrap(self, key: str) -> bytes:
        """Return a data key in the clear, by whichever master key can."""
        rows = self._held[key].rows
        ours = [name for name in self._masters if name in rows]
        if not ours:
            names = ", ".join(f"`{name}`" for name in sorted(rows))
            raise MasterKeyMissing(
                f"its data key is under master key {names}, which `store.master_keys` has not"
            )
        for name in ours:
            wrapped = rows[name].wrapped
            nonce, rest = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
            try:
                return self._masters[name].decrypt(nonce, rest, _of_data_key(key, name))
            except (InvalidTag, ValueError):
                continue
        raise NotOpened(f"master key `{ours[0]}` is another one than wrapped its data key")


def _of_secret(name: str, data_key: str) -> bytes:
    """Return what a sealed secret is bound to."""
    return msgspec.json.encode(["sluicegate secret", name, data_key])


def _of_data_key(key: str, master: str) -> bytes:
    """Return what a wrapped data key is bound to."""
    return msgspec.json.encode(["sluicegate data key", key, master])


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
