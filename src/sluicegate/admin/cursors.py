"""Where a page of a list ends, as text that fits into a query: the names of its last item."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from sluicegate.admin.problems import invalid

CURSOR: Final = r"^[A-Za-z0-9_=-]{0,8192}$(?!\n)"
DECODER: Final = msgspec.json.Decoder(tuple[str | None, ...])


def cursor(values: Sequence[str | None]) -> str:
    """Write down where a page ends."""
    return urlsafe_b64encode(msgspec.json.encode(values)).decode()


def read_cursor(text: str, count: int) -> tuple[str | None, ...] | None:
    """Return the `count` values to go on behind; None at the beginning.

    Raises Invalid for what no page ended with.
    """
    if not text:
        return None
    values: tuple[str | None, ...] = ()
    with suppress(ValueError, msgspec.DecodeError):
        values = DECODER.decode(urlsafe_b64decode(text))
    # No database takes a NUL in a text.
    if len(values) != count or not values or any("\0" in (value or "") for value in values):
        raise invalid("after", "expected the `next` of a page of the same list")
    return values
