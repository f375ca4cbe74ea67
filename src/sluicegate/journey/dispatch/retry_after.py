"""What `Retry-After` asks for (RFC 9110, section 10.2.3)."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Final

MOST_DIGITS: Final = 9
"""More seconds than anybody waits; numbers of any length can be read this far."""


def seconds_of(value: bytes, wall_us: int) -> float:
    """Return the seconds from `wall_us` (microseconds since 1970) on; 0 for nonsense."""
    text = value.decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return float(text[:MOST_DIGITS])
    try:
        then = parsedate_to_datetime(text)
        return max(0.0, then.timestamp() - wall_us / 1e6)
    except (ValueError, OverflowError):
        return 0.0
