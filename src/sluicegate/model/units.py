"""Durations and sizes as operators write them: `250ms`, `3s`, `64KiB`.

A bare number is refused for durations other than 0, because nobody remembers whether it is seconds
or milliseconds; a bare number of bytes is plain. Written durations are whole microseconds, so that
what is written, sent and read again is the same.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

import msgspec

MICROSECONDS: Final = {
    "us": 1,
    "ms": 10**3,
    "s": 10**6,
    "m": 60 * 10**6,
    "h": 3600 * 10**6,
    "d": 86_400 * 10**6,
}
BYTES: Final = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
MAX_US = 3650 * MICROSECONDS["d"]
"""Ten years. More is a mistake, and this much still adds up exactly as floats do."""
MAX_BYTES = 2**60
_SHOWN_CHARACTERS = 40

DURATION_PATTERN = r"^(0|([0-9]{1,15}(\.[0-9]{1,9})?)(us|ms|s|m|h|d))$"
SIZE_PATTERN = r"^([0-9]{1,19}) ?(B|KB|MB|GB|KiB|MiB|GiB)?$"


class Duration(float):
    """Seconds, from 0 to ten years. Written `0`, `250ms`, `1.5s`, `2m`, `1h`, `7d`."""

    @classmethod
    def parse(cls, text: object) -> Duration:
        """Read the written form; raises ValueError that says what was expected."""
        if isinstance(text, Duration):
            return text
        match = _match(DURATION_PATTERN, text)
        if match is None:
            raise ValueError(
                f"found {_shown(text)}; expected a duration such as `250ms`, `3s` or `2m`"
            )
        if match[2] is None:
            return cls(0)
        # Decimal, because 0.29 * 1000000 as floats is 289999.99.
        exact = Decimal(match[2]) * MICROSECONDS[match[4]]
        if exact > MAX_US:
            raise ValueError(f"found {_shown(text)}; expected at most 3650d")
        if exact != int(exact):
            raise ValueError(f"found {_shown(text)}; expected whole microseconds")
        return cls(int(exact) / 10**6)

    def __str__(self) -> str:
        """Give the written form, in the largest unit that is whole; it reads back the same."""
        count = round(float(self) * 10**6)
        for unit, size in reversed(MICROSECONDS.items()):
            if count and count % size == 0:
                return f"{count // size}{unit}"
        return "0"


class Size(int):
    """Bytes. Written `512`, `64KiB`, `10MB`."""

    @classmethod
    def parse(cls, text: object) -> Size:
        """Read the written form; raises ValueError that says what was expected."""
        if isinstance(text, Size):
            return text
        match = _match(SIZE_PATTERN, text)
        if match is None:
            raise ValueError(
                f"found {_shown(text)}; expected a size such as `512`, `64KiB` or `10MB`"
            )
        count = int(match[1]) * BYTES[match[2] or ""]
        if count > MAX_BYTES:
            raise ValueError(f"found {_shown(text)}; expected at most {MAX_BYTES // 2**30}GiB")
        return cls(count)

    def written(self) -> str:
        """Give the written form, in the largest binary unit that is whole."""
        for unit in ("GiB", "MiB", "KiB"):
            if self and self % BYTES[unit] == 0:
                return f"{self // BYTES[unit]}{unit}"
        return str(int(self))


def _shown(value: object) -> str:
    if isinstance(value, int) and abs(value) > MAX_BYTES:
        return "a huge number"
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def _match(pattern: str, text: object) -> re.Match[str] | None:
    """Match a whole text, or the text of a whole number; a boolean is neither."""
    if isinstance(text, bool) or not isinstance(text, int | str):
        return None
    # Python refuses to write out an integer of thousands of digits.
    if isinstance(text, int) and abs(text) > MAX_BYTES:
        return None
    written = str(text)
    # `$` alone would let a newline through.
    return None if written.endswith("\n") else re.match(pattern, written)


def decode_hook(kind: type, value: Any) -> Any:  # noqa: ANN401 - msgspec's own signature
    """Read the types that msgspec does not know (a msgspec `dec_hook`)."""
    if kind in (Duration, Size):
        return kind.parse(value)
    raise NotImplementedError(kind)


def encode_hook(value: Any) -> Any:  # noqa: ANN401 - msgspec's own signature
    """Write the types that msgspec does not know (a msgspec `enc_hook`)."""
    if isinstance(value, Duration):
        return str(value)
    if isinstance(value, Size):
        return int(value)
    raise NotImplementedError(type(value))


def schema_hook(kind: type) -> dict[str, Any]:
    """Describe the types that msgspec does not know (a msgspec `schema_hook`)."""
    if kind is Duration:
        return {"type": ["string", "integer"], "pattern": DURATION_PATTERN}
    if kind is Size:
        return {"type": ["string", "integer"], "pattern": SIZE_PATTERN}
    raise NotImplementedError(kind)


def convert(value: Any, kind: Any) -> Any:  # noqa: ANN401 - any struct type
    """Build `kind` from plain data; raises msgspec.ValidationError with a path."""
    return msgspec.convert(value, kind, dec_hook=decode_hook)
