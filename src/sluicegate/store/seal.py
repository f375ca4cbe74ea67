"""Signs what is kept outside the store, so that only replicas with our peppers can have made it.

A sealed payload is `1`, when it expires (µs since 1970, 8 bytes), HMAC-SHA-256 (32 bytes), and the
payload as it is: signed, not encrypted. Signed are the expiry, the name under which it is kept and
the payload's SHA-256. The keys come from the peppers by HKDF (RFC 5869), so that a seal says
nothing of a key's hash, nor a hash of a seal.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

import structlog
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sluicegate.metrics import Metrics

FORM: Final = b"1"
TIME_BYTES, MAC_BYTES = 8, 32
HEAD_BYTES: Final = len(FORM) + TIME_BYTES + MAC_BYTES
PURPOSE: Final = b"sluicegate seal 1"
FOREVER_US: Final = 2**63 - 1


class Seal:
    """Seals under the first pepper, and opens what was sealed under any."""

    def __init__(self, peppers: Mapping[str, str], metrics: Metrics) -> None:
        """Derive a key from each pepper. Without any nothing can be sealed, and nothing opens."""
        self._keys = [
            HKDF(SHA256(), MAC_BYTES, salt=None, info=PURPOSE).derive(pepper.encode())
            for pepper in peppers.values()
        ]
        self._refused = metrics.family(
            "sluicegate_store_seals_refused_total",
            "counter",
            "Kept records whose seal is not ours, or was made for another name: not used.",
        ).cell()
        self._said = False

    @property
    def usable(self) -> bool:
        """Whether there is a pepper."""
        return bool(self._keys)

    def seal(self, name: str, payload: bytes, expires_us: int) -> bytes:
        """Return the payload, sealed for a name until a time, UTC. Raises ValueError: no pepper."""
        if not self._keys:
            raise ValueError("there is no pepper to seal with")
        expiry = expires_us.to_bytes(TIME_BYTES, "big")
        return FORM + expiry + _mac(self._keys[0], name, expiry, payload) + payload

    def open(self, name: str, sealed: bytes, now_us: int) -> bytes | None:
        """Return the payload; None where it has expired, or was not sealed by us for that name.

        The latter is counted, and logged once.
        """
        expiry = sealed[len(FORM) : len(FORM) + TIME_BYTES]
        mac, payload = sealed[len(FORM) + TIME_BYTES : HEAD_BYTES], sealed[HEAD_BYTES:]
        ours = (
            len(sealed) >= HEAD_BYTES
            and sealed.startswith(FORM)
            and any(hmac.compare_digest(mac, _mac(k, name, expiry, payload)) for k in self._keys)
        )
        if not ours:
            self._refuse(name)
            return None
        return payload if now_us < int.from_bytes(expiry, "big") else None

    def _refuse(self, name: str) -> None:
        self._refused.value += 1
        if not self._said:
            self._said = True
            structlog.get_logger().warning("store_seal_refused", record=name)


def _mac(key: bytes, name: str, expiry: bytes, payload: bytes) -> bytes:
    """Every part but the last has a fixed size, so that none can be taken for another."""
    text = expiry + hashlib.sha256(payload).digest() + name.encode("utf-8", "surrogateescape")
    return hmac.digest(key, text, "sha256")
