"""How long a provider asks to be left alone (RFC 9110, 10.2.3).

`retry-after-ms` is what OpenAI's and Anthropic's SDKs look at first (openai/_base_client.py,
`_parse_retry_after_header`). A date is read against the answer's own `Date`, so no clock is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from math import isfinite


def retry_after_s(headers: Mapping[bytes, bytes]) -> float | None:
    """Return seconds, not below 0; None where nothing readable is said. Names in lower case."""
    milliseconds = _number(headers.get(b"retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get(b"retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        until = parsedate_to_datetime(value.decode("ascii"))
        now = parsedate_to_datetime(headers.get(b"date", b"").decode("ascii"))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _number(value: bytes | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return max(0.0, number) if number is not None and isfinite(number) else None
