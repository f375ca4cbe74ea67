"""Path segments of the admin API: a slash within a name is not one between segments.

Names of resources may hold `/`, sent as `%2F`. An ASGI path is decoded, and then nobody could tell
the two apart, so a slash within a segment travels to the handler as a character of the private use
area, which no name may hold.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote_to_bytes

from sluicegate.errors import BAD_TARGET, Refused

SLASH: Final = "\ue000"


def decoded(path: str) -> str:
    """Decode the escapes of a normalised path. Raises Refused (400) for what is not UTF-8."""
    try:
        text = [unquote_to_bytes(segment).decode() for segment in path.split("/")]
    except UnicodeDecodeError:
        raise Refused(BAD_TARGET, "the path is not UTF-8") from None
    if any(SLASH in segment for segment in text):
        raise Refused(BAD_TARGET, "the path holds a character that no name may hold")
    return "/".join(segment.replace("/", SLASH) for segment in text)


def restored(value: str) -> str:
    """Return a path parameter as it was meant."""
    return value.replace(SLASH, "/")
