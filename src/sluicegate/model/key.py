"""The written form of a new API key: `sg_<region>_<8 public><secret><crc>`.

The public part names the key in logs. The secret is 32 random bytes. The check sum is there for
scanners that look for leaked keys and for people who cut one off when they copy it; it protects
nothing. Secret and check sum (CRC-32 of all before it) are in base 62, of fixed width, so that the
key is one word to double-click on. Tokens of the admin API are written the same, with `sga_`.
"""

from __future__ import annotations

import re
import secrets
import string
import zlib

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
PUBLIC_CHARACTERS = 8
SECRET_BYTES = 32
SECRET_CHARACTERS = 43
"""62**43 is the first power of 62 above 2**256."""
CRC_CHARACTERS = 6
MAX_KEY_BYTES = 256
"""Longer ones are no keys of ours, and hashing them is work for a stranger."""
WRITTEN = re.compile(rb"((sga?)_[a-z0-9-]{1,32}_[0-9A-Za-z]{8})[0-9A-Za-z]{43}([0-9A-Za-z]{6})")


def new_key(region: str, prefix: str = "sg") -> str:
    """Make a key that nobody else has, or with `sga` a token."""
    public = "".join(secrets.choice(DIGITS) for _ in range(PUBLIC_CHARACTERS))
    secret = base62(int.from_bytes(secrets.token_bytes(SECRET_BYTES)), SECRET_CHARACTERS)
    text = f"{prefix}_{region}_{public}{secret}"
    return text + base62(zlib.crc32(text.encode()), CRC_CHARACTERS)


def parse(presented: bytes, prefix: bytes = b"sg") -> bytes | None:
    """Return the name of what is written like a key of ours, `sg_<region>_<public>`, else None."""
    match = WRITTEN.fullmatch(presented)
    if match is None or match[2] != prefix:
        return None
    sum_ = base62(zlib.crc32(presented[:-CRC_CHARACTERS]), CRC_CHARACTERS)
    return match[1] if sum_.encode() == match[3] else None


def base62(number: int, width: int) -> str:
    """Write `number` in exactly `width` digits, zeros in front."""
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(DIGITS))
        digits.append(DIGITS[digit])
    return "".join(reversed(digits))
