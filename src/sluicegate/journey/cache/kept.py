"""An answer as it is kept: bytes that every replica reads, so their form has a number."""

from __future__ import annotations

from typing import Final

import msgspec

FORM: Final = 1


class Kept(msgspec.Struct, array_like=True, frozen=True):
    """A whole answer of status 200.

    `length` is the body's as announced, None where its end is found by reading. `sizes` are those
    of its pieces, and `gaps_us` how long each came after the one before it, both empty for a single
    piece. `stored_us` is microseconds since 1970; `age_s`, how old it was then. `provider` and
    `deployment` are who has answered a call of a model.
    """

    form: int
    headers: list[tuple[bytes, bytes]]
    length: int | None
    body: bytes
    sizes: list[int]
    gaps_us: list[int]
    stored_us: int
    age_s: int
    provider: str | None = None
    deployment: str | None = None

    def age(self, now_us: int) -> int:
        """Return how old it is, in whole seconds."""
        return self.age_s + max(0, now_us - self.stored_us) // 1_000_000


_DECODER: Final = msgspec.msgpack.Decoder(Kept)
_ENCODER: Final = msgspec.msgpack.Encoder()


def read(value: bytes) -> Kept | None:
    """Read an answer; None for what another version has written."""
    try:
        kept = _DECODER.decode(value)
    except msgspec.DecodeError:
        return None
    return kept if kept.form == FORM else None


def write(kept: Kept) -> bytes:
    """Write an answer."""
    return _ENCODER.encode(kept)
